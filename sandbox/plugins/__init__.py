"""Stand-ins for Pulumi's resource plugins, for machines that cannot download the official ones.

They speak the provider protocol to the real engine. State, diffs, secrets and previews are the engine's, objects live on a real Kubernetes
API server, and the real Helm installs releases. They implement only the types that this project uses, and only for the sandbox: any other
cluster gets the official plugins.
"""
