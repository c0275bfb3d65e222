"""Git URLs, hosts, host keys, private keys and polling. Knows no settings."""
