"""What it means that a part is no longer the stack's own, or becomes it: the namespace, a Secret, a key that came along."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.cli.diff.model import Finding, Level, dangerous
from airflow_stack.cli.diff.quoting import code
from airflow_stack.credentials import CREDENTIALS, FERNET_KEY, Consequence

Settings = Mapping[str, Any]


def existing(old: Settings, new: Settings) -> Iterator[Finding]:
    """The findings that follow from what exists besides the stack."""
    yield from _namespace(old, new)
    was, then = (settings.get("existingSecrets") or {} for settings in (old, new))
    for credential in CREDENTIALS:
        before, now = (secrets.get(credential.setting) for secrets in (was, then))
        if credential.moved.text and before != now:
            text = (
                f"{credential.title} comes from {_source(now)} instead of {_source(before)}: {credential.moved.text}."
            )
            yield finding(Consequence(text, credential.moved.dangerous))
    if not was.get(FERNET_KEY.setting) and not then.get(FERNET_KEY.setting):
        yield from _fernet_key(old, new)


def finding(consequence: Consequence) -> Finding:
    """The finding of a consequence for a credential."""
    return Finding("secret", consequence.text, Level.DANGEROUS if consequence.dangerous else Level.CHANGE)


def _source(secret: str | None) -> str:
    return f"the Secret {code(secret)}" if secret else "the stack"


def _fernet_key(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("rotation") or {}, new.get("rotation") or {}
    in_use = min(was.get("fernet", 1), then.get("fernet", 1)) < 3  # the newest two are
    if in_use and was.get("fernetGiven", False) != then.get("fernetGiven", False):
        sources = ["one that is given", "the stack's own"]
        now, before = sources if then.get("fernetGiven") else sources[::-1]
        text, is_dangerous = FERNET_KEY.moved
        yield finding(Consequence(f"The first Fernet key is {now} instead of {before}: {text}.", is_dangerous))


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
