"""The program's host keys are exactly those that the git hosts publish."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from airflow_stack.git.known_hosts import PUBLISHED, known_hosts_for
from airflow_stack.inputs.wording import in_stack_file
from tests.support.cases import problems
from tests.support.golden import Golden

# Copied from the pages separately from the keys, so that a typing error shows.
FINGERPRINTS = {
    # docs.github.com, "GitHub's SSH key fingerprints" (as of the new RSA key of 2023-03-24)
    "github.com": {
        "ssh-ed25519": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "ecdsa-sha2-nistp256": "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
        "ssh-rsa": "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
    },
    # docs.gitlab.com, "GitLab.com settings", SSH host keys fingerprints
    "gitlab.com": {
        "ssh-ed25519": "eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
        "ecdsa-sha2-nistp256": "HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
        "ssh-rsa": "ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
    },
    # bitbucket.org/blog/ssh-host-key-changes; RSA since 2023-06-20: confluence.atlassian.com/bbkb,
    # "The authenticity of host 'bitbucket.org' can't be established"
    "bitbucket.org": {
        "ssh-ed25519": "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
        "ecdsa-sha2-nistp256": "FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
        "ssh-rsa": "46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
    },
    # docs.codeberg.org, "Verifying you're connected to Codeberg using SSH fingerprints"
    "codeberg.org": {
        "ssh-ed25519": "mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g",
        "ecdsa-sha2-nistp256": "T9FYDEHELhVkulEKKwge5aVhVTbqCW0MIRwAfpARs/E",
        "ssh-rsa": "6QQmYi4ppFS4/+zSZ5S4IU+4sa6rwvQ4PbhCtPEBekQ",
    },
    # learn.microsoft.com, "Use SSH key authentication" (Azure Repos)
    "ssh.dev.azure.com": {"ssh-rsa": "ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"},
    # argo-cd.readthedocs.io, "Managing SSH known hosts using the CLI"; Microsoft names the older
    # host without a fingerprint of its own
    "vs-ssh.visualstudio.com": {"ssh-rsa": "ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"},
}
REVOKED = {
    "nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",  # github.com RSA, until 2023-03-24
    "zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A",  # bitbucket.org RSA, until 2023-06-20
}


def fingerprint(key: str) -> str:
    digest = hashlib.sha256(base64.b64decode(key.split()[1], validate=True)).digest()
    return base64.b64encode(digest).decode().rstrip("=")


def test_every_host_in_the_table_has_published_fingerprints() -> None:
    assert PUBLISHED.keys() == FINGERPRINTS.keys()


@pytest.mark.parametrize("host", PUBLISHED)
def test_the_keys_of_a_host_have_the_published_fingerprints(host: str) -> None:
    keys = PUBLISHED[host].keys
    assert {key.split()[0]: fingerprint(key) for key in keys} == FINGERPRINTS[host]
    assert len(keys) == len(FINGERPRINTS[host])


@pytest.mark.parametrize("host", PUBLISHED)
def test_every_line_of_a_known_hosts_text_names_the_host_and_a_whole_key(host: str) -> None:
    text = known_hosts_for(host.upper(), 22)
    assert text is not None
    assert text.endswith("\n")
    for line in text.splitlines():
        name, key = line.split(maxsplit=1)
        assert name == host
        load_ssh_public_key(key.encode())


def test_no_revoked_key_is_trusted() -> None:
    ours = {fingerprint(key) for host in PUBLISHED.values() for key in host.keys}
    assert not ours & REVOKED


@pytest.mark.parametrize(("host", "port"), [("git.example.com", None), ("github.com", 2222)])
def test_a_host_or_port_without_published_keys_gets_none(host: str, port: int | None) -> None:
    assert known_hosts_for(host, port) is None


@pytest.mark.parametrize(
    ("repository", "command"),
    [
        ("git@git.acme.com:a/b", "ssh-keyscan -p 22 git.acme.com"),
        ("ssh://git@git.acme.com:2222/a/b", "ssh-keyscan -p 2222 git.acme.com"),
        ("ssh://git@ssh.github.com:443/a/b", "ssh-keyscan -p 443 ssh.github.com"),
    ],
    ids=["another host", "another port", "another port of a known host"],
)
def test_the_error_for_another_host_or_port_names_the_command_and_asks_to_verify_its_result(
    repository: str, command: str, golden: Golden
) -> None:
    (problem,) = problems({"dags": {"repository": repository}}).problems
    assert command in in_stack_file(problem)
    assert in_stack_file(problem) == golden
