"""Effects of the parts of a stack file that are not settings of Airflow: policies, cluster, ESC environments, encryption. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.choices import Tier
from airflow_stack.names import PROJECT
from airflow_stack.policies.model import Level
from airflow_stack.policies.rules import CONFIG, RULES, Choice

from .model import Effect, FieldChange, dangerous
from .object_changes import SECRET
from .quoting import HIDDEN, code, listed, shown

StackFile = Mapping[str, Any]
"""Content of a stack file."""
_CLUSTER = tuple(f"kubernetes:{key}" for key in ("cluster", "clusterIdentifier", "context", "kubeconfig", "namespace"))
_ENCRYPTION = ("encryptionsalt", "encryptedkey", "secretsprovider")
_RANKS = (Level.DISABLED, Level.ADVISORY, Level.MANDATORY)


def stack_file_fields(old: StackFile, new: StackFile) -> Iterator[FieldChange]:
    """The changed keys besides Airflow's settings and the encryption, without secrets."""
    left, right = (dict(_entries(content)) for content in (old, new))
    for key in sorted(left.keys() | right.keys()):
        if left.get(key) != right.get(key):
            sides = [_text(key, content[key]) if key in content else None for content in (left, right)]
            yield FieldChange(key, *sides)


def stack_file_effects(old: StackFile, new: StackFile) -> Iterator[Effect]:
    """Effects of the changed keys besides Airflow's settings and the policies' levels."""
    keys = [field.path for field in stack_file_fields(old, new)]
    if cluster := [key for key in keys if key.split(".")[0] in _CLUSTER]:
        yield dangerous("cluster", f"The stack may move to another cluster ({_codes(cluster)}): its objects are created there, and the old cluster's are deleted or lost from the state.")  # fmt: skip
    if provider := [key for key in keys if key.startswith("kubernetes:") and key not in cluster]:
        yield dangerous("provider", f"The Kubernetes provider changes ({_codes(provider)}): it decides how objects are created, taken over and replaced.")  # fmt: skip
    if old.get("environment") != new.get("environment"):
        yield dangerous("esc", f"The Pulumi ESC environments change from {code(_environments(old))} to {code(_environments(new))}: credentials, cluster and settings may come from them.")  # fmt: skip
    if others := [key for key in keys if not key.startswith(("kubernetes:", f"{CONFIG}:", "environment"))]:
        yield Effect("configuration", f"Configuration outside of Airflow changes ({_codes(others)}).")
    if policies := [key for key in keys if key.startswith(f"{CONFIG}:")]:
        yield Effect("policies", f"Settings of the policies change ({_codes(policies)}).")
    yield from _encryption(old, new)


def policy_effects(old: Choice, new: Choice) -> Iterator[Effect]:
    """Effects of another tier and of other levels of policies."""
    if old.tier is not new.tier:
        text = f"The stack is {code(new.tier.value)} instead of {code(old.tier.value)}: other policies apply."
        yield dangerous("policies", text) if old.tier is Tier.PRODUCTION else Effect("policies", text)
    weaker: list[str] = []
    stricter: list[str] = []
    for rule in RULES:
        before, after = (choice.levels.get(rule.name, rule.level) for choice in (old, new))
        if before is not after and rule.only in (None, new.tier):
            text = f"{code(rule.name)} is {after.value} instead of {before.value}"
            (weaker if _RANKS.index(after) < _RANKS.index(before) else stricter).append(text)
    if weaker:
        yield dangerous("policies", f"Policies become weaker: {listed(weaker)}.")
    if stricter:
        yield Effect("policies", f"Policies become stricter: {listed(stricter)}.")


def secret_removals(old: StackFile, new: StackFile) -> Iterator[Effect]:
    """Effects of encrypted settings of Airflow that the stack file loses."""
    before, after = (content.get("config") or {} for content in (old, new))
    for key in sorted(before.keys() - after.keys()):
        if key.startswith(f"{PROJECT}:") and _is_secure(before[key]):
            yield Effect("secret", f"The secret {code(key)} is removed: `pulumi up` refuses the stack while its settings need it.")  # fmt: skip


def same_encryption(old: StackFile, new: StackFile) -> bool:
    """Whether both files are encrypted alike, so that a changed text means a newly encrypted secret."""
    return all(old.get(key) == new.get(key) for key in _ENCRYPTION)


def _encryption(old: StackFile, new: StackFile) -> Iterator[Effect]:
    if same_encryption(old, new):
        return
    if old.get("secretsprovider") != new.get("secretsprovider"):
        sides = [code(content.get("secretsprovider") or "the passphrase or Pulumi Cloud") for content in (old, new)]
        yield dangerous("encryption", f"The secrets are encrypted by {sides[1]} instead of {sides[0]}: others may be able to decrypt them.")  # fmt: skip
    secrets = [key for key, value in (new.get("config") or {}).items() if _is_secure(value)]
    yield Effect("encryption", f"The encryption of the stack changes, so each secret may be another one ({_codes(sorted(secrets))}).")  # fmt: skip


def _entries(content: StackFile) -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        if key == "config":
            for name, inner in (value or {}).items():
                if not str(name).startswith(f"{PROJECT}:"):
                    yield from _leaves(str(name), inner)
        elif key not in _ENCRYPTION:
            yield from _leaves(str(key), value)


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value and not _is_secure(value):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    elif value not in (None, {}, []):
        yield path, value


def _text(key: str, value: object) -> str:
    if _is_secure(value):
        return SECRET
    if key.startswith("kubernetes:kubeconfig"):
        return HIDDEN  # it may hold a token
    # Names of rules look like those of secrets.
    return shown(value, "" if key.startswith(f"{CONFIG}:") else key.rpartition(":")[2].rpartition(".")[2])


def _is_secure(value: object) -> bool:
    if isinstance(value, Mapping):
        return "secure" in value or any(map(_is_secure, value.values()))
    return isinstance(value, list) and any(map(_is_secure, value))


def _environments(content: StackFile) -> object:
    found = content.get("environment")
    return ", ".join(map(str, found)) if isinstance(found, list) else found or "none"


def _codes(keys: list[str]) -> str:
    return listed(map(code, keys), 4)
