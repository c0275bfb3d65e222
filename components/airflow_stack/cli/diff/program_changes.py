"""Effects of a changed `__main__.py`: its outputs, and the resources that it adds to Airflow's. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Effect, dangerous
from .quoting import code, listed

Program = Mapping[str, Any]
"""As `record_tree.py` writes it."""


def program_effects(old: Program | None, new: Program | None) -> Iterator[Effect]:
    """Effects on outputs and on further resources.

    Args:
        old: The program at the base; None: it could not be recorded.
        new: The same in the work tree.
    """
    if new is None:
        yield Effect("program", "`__main__.py` does not run without an engine: its outputs and further resources are not compared; `pulumi preview` shows them.")  # fmt: skip
        return
    before = (old or {}).get("outputs") or {}
    for name, output in sorted(new["outputs"].items()):
        if output["shows"] and not before.get(name, {}).get("shows"):
            yield dangerous("outputs", f"The output {code(name)} shows a secret: the state, `pulumi stack output` and pipelines show it.")  # fmt: skip
        elif before.get(name, {}).get("secret") and not output["secret"]:
            yield dangerous("outputs", f"The output {code(name)} is no longer secret.")
    if old is None:
        return
    for what, kind in (("outputs", "outputs"), ("own", "resources besides Airflow's")):
        changes = [*_changes(old[what], new[what])]
        if changes:
            yield Effect("program", f"The program's {kind} change: {listed(changes, 4)}.")


def _changes(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{code(name)} {'is new' if name not in old else 'is removed' if name not in new else 'changes'}"
