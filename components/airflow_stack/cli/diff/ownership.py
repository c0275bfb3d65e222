"""Effects when a part stops or starts to belong to the stack: the namespace, a Secret, a given Fernet key. Pure."""

from collections.abc import Iterator

from airflow_stack.credentials import CREDENTIALS, FERNET_KEY, Consequence

from .model import Effect, PlainSettings, Severity, dangerous
from .quoting import code


def ownership_effects(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    """Effects on the namespace and the Secrets."""
    yield from _namespace(old, new)
    was, then = (settings.get("existingSecrets") or {} for settings in (old, new))
    for credential in CREDENTIALS:
        before, after = (secrets.get(credential.setting) for secrets in (was, then))
        if credential.moved.text and before != after:
            text = (
                f"{credential.title} comes from {_source(after)} instead of {_source(before)}: {credential.moved.text}."
            )
            yield credential_effect(Consequence(text, credential.moved.dangerous))
    if not was.get(FERNET_KEY.setting) and not then.get(FERNET_KEY.setting):
        yield from _fernet_key(old, new)


def credential_effect(consequence: Consequence) -> Effect:
    """The effect of a credential's consequence."""
    return Effect("secret", consequence.text, Severity.DANGEROUS if consequence.dangerous else Severity.CHANGE)


def _source(secret: str | None) -> str:
    return f"the Secret {code(secret)}" if secret else "the stack"


def _fernet_key(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = old.get("rotation") or {}, new.get("rotation") or {}
    in_use = min(was.get("fernet", 1), then.get("fernet", 1)) < 3  # the newest two are in use
    if in_use and was.get("fernetGiven", False) != then.get("fernetGiven", False):
        sources = ["the given one", "the stack's own"]
        after, before = sources if then.get("fernetGiven") else sources[::-1]
        text, is_dangerous = FERNET_KEY.moved
        yield credential_effect(
            Consequence(f"The first Fernet key is {after} instead of {before}: {text}.", is_dangerous)
        )


def _namespace(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    if old["namespace"] != new["namespace"]:
        return  # everything is recreated
    was, then = (settings.get("createNamespace", True) for settings in (old, new))
    name = code(new["namespace"])
    if was and not then:
        yield dangerous("namespace", f"The namespace {name} is deleted with all its content, because the stack created it: keep `createNamespace` as it was.")  # fmt: skip
    if then and not was:
        yield dangerous("namespace", f"The namespace {name} already exists, so `pulumi up` fails to create it: keep `createNamespace` false, or import it first.")  # fmt: skip
