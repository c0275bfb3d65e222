"""What it means that a part is no longer the stack's own, or becomes it: the namespace, a Secret, a key that came along."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.cli.diff.model import Finding, dangerous
from airflow_stack.cli.diff.quoting import code

Settings = Mapping[str, Any]

_UNREADABLE = "what is stored becomes unreadable, unless it is the same key"
# What each Secret holds, what follows when it comes from elsewhere, and whether that hurts.
_HELD = {
    "fernetKey": ("The Fernet key", _UNREADABLE, True),
    "apiSecretKey": ("The API secret", "unless it is the same, sessions of the UI end", False),
    "jwtSecret": (
        "The JWT secret",
        "unless it is the same, the tokens of tasks that run, of API clients and of the UI become worthless",
        True,
    ),
    "adminPassword": ("The password of the admin user", "the next number in `rotation.adminPassword` sets it", False),
    "asyncMetadataConnection": ("The connection for asyncpg", "it must lead to the same database", False),
    "brokerUrl": ("The broker", "tasks queued in the old one are not taken over", True),
    "redisPassword": ("The password of Redis", "the broker's URL must hold the same", False),
    "gitSshKey": ("The key for the DAG repository", "it must be in the repository by now", False),
    "gitToken": ("The token for the DAG repository", "it must be able to read it", False),
    "githubAppPrivateKey": ("The private key of the GitHub App", "it must be one of the App's", False),
}


def existing(old: Settings, new: Settings) -> Iterator[Finding]:
    """The findings that follow from what exists besides the stack."""
    yield from _namespace(old, new)
    was, then = (settings.get("existingSecrets") or {} for settings in (old, new))
    for key, (what, follows, hurts) in _HELD.items():
        if was.get(key) != then.get(key):
            text = f"{what} comes from {_source(then.get(key))} instead of {_source(was.get(key))}: {follows}."
            yield dangerous("secret", text) if hurts else Finding("secret", text)
    if not was.get("fernetKey") and not then.get("fernetKey"):
        yield from _fernet_key(old, new)


def _source(secret: str | None) -> str:
    return f"the Secret {code(secret)}" if secret else "the stack"


def _fernet_key(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("rotation") or {}, new.get("rotation") or {}
    in_use = min(was.get("fernet", 1), then.get("fernet", 1)) < 3  # the newest two are
    if in_use and was.get("fernetGiven", False) != then.get("fernetGiven", False):
        sources = ["one that is given", "the stack's own"]
        now, before = sources if then.get("fernetGiven") else sources[::-1]
        yield dangerous("secret", f"The first Fernet key is {now} instead of {before}: {_UNREADABLE}.")


def _namespace(old: Settings, new: Settings) -> Iterator[Finding]:
    if old["namespace"] != new["namespace"]:
        return  # all is made anew
    was, then = (settings.get("createNamespace", True) for settings in (old, new))
    name = code(new["namespace"])
    if was and not then:
        text = f"The namespace {name} is deleted, with all that is in it, for the stack made it: leave `createNamespace` as it was."
        yield dangerous("namespace", text)
    if then and not was:
        text = f"The namespace {name} is to be made, although it is there, so that `pulumi up` stops: leave `createNamespace` false, or import it first."
        yield dangerous("namespace", text)
