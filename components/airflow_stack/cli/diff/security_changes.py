"""Effects of changed limits of DAG code. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Effect, PlainSettings, dangerous
from .quoting import code, listed

_ALLOWED = {
    "podNamespaces": "Tasks may create pods in the namespace {names}.",
    "podOverride.secrets": "A `pod_override` may use the Secret {names}: DAG authors can read it.",
    "podOverride.claims": "A `pod_override` may use the claim {names}: DAG authors can read and change its files.",
    "podOverride.serviceAccounts": "A `pod_override` may use the service account {names}: DAG authors have its rights.",
}


def security_effects(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    """Effects of `security`."""
    was, then = (settings.get("security") or {} for settings in (old, new))
    if was.get("tasks") != then.get("tasks"):
        if then.get("tasks") == "trusted":
            yield dangerous("tasks", "Tasks get the keys of Airflow, a path to its database and the right to create pods: DAG authors can read every Secret of the namespace.")  # fmt: skip
        else:
            yield Effect("tasks", "Tasks lose the keys of Airflow, the path to its database and the right to create pods. DAGs with the KubernetesPodOperator or a `pod_override` may need `security.podNamespaces` or `security.podOverride`.")  # fmt: skip
        return
    for path, sentence in _ALLOWED.items():
        before, after = (_at(security, path) for security in (was, then))
        if more := sorted({*after} - {*before}):
            yield Effect("tasks", sentence.format(names=listed([code(each) for each in more])))
        if fewer := sorted({*before} - {*after}):
            text = f"DAGs may no longer use {listed([code(each) for each in fewer])} ({code(f'security.{path}')}): tasks that do fail."
            yield Effect("tasks", text)
    if then.get("cloudMetadata") and not was.get("cloudMetadata"):
        yield dangerous(
            "tasks", "DAG code reaches the cloud's metadata endpoint, and with it the identity of the node."
        )
    if was.get("cloudMetadata") and not then.get("cloudMetadata"):
        yield Effect("tasks", "DAG code no longer reaches the cloud's metadata endpoint, which some cloud identities need.")  # fmt: skip
    networks = tuple(listed([code(each) for each in security.get("taskEgress") or ()]) for security in (was, then))
    if networks[0] != networks[1]:
        reached = f"only {networks[1]}, Airflow and DNS" if networks[1] else "every network"
        yield Effect("tasks", f"Tasks reach {reached}.")


def _at(security: Mapping[str, Any], path: str) -> tuple[str, ...]:
    found: Any = security
    for step in path.split("."):
        found = (found or {}).get(step)
    return tuple(found or ())
