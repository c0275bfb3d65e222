"""The table `teams.yaml`: settings of many Airflows, by team and environment. Pure.

Four layers give the settings of one Airflow, later ones first: `teams.<team>.environments.<environment>`, `teams.<team>`,
`environments.<environment>`, `defaults`. Objects are merged, null removes a setting, and everything else is replaced.
`<team>` and `<environment>` in a text are their names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError, TableError
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set, SetSecret, Step

_TOP_LEVEL = ("defaults", "environments", "teams")
_CLUSTER = "cluster"
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_LONGEST_NAME = 40
"""Most characters of an Airflow's name: it begins the names of Jobs."""
Plain = dict[str, Any]


@dataclass(frozen=True)
class TeamStack:
    """One Airflow of the table."""

    team: str
    environment: str
    cluster: str | None
    """Context of the kubeconfig; None: the current one."""
    plain: Plain
    """Its settings as in a stack file, without the prefix."""
    settings: Settings

    @property
    def name(self) -> str:
        """Name of its stack, and of its component in a program."""
        return f"{self.team}-{self.environment}"


def line_of(path: str, lines: Mapping[str, int]) -> int:
    """The line of an entry, or of what it would stand in; 0 for the table itself."""
    found = [known for known in lines if path == known or path.startswith((f"{known}.", f"{known}["))]
    return lines[max(found, key=len)] if found else 0


def read_table(content: Any, file: str, lines: Mapping[str, int]) -> list[TeamStack]:  # noqa: ANN401  YAML of any type
    """The Airflows of a table, by team and environment.

    Args:
        content: The YAML document.
        file: Name of its file, for messages.
        lines: Line of each entry, by its path.

    Raises:
        TableError: entries are wrong; the message names all of them.
    """
    problems = list(_form(content))
    if problems:
        raise _error(file, problems, lines)
    stacks: list[TeamStack] = []
    for team, entry in content["teams"].items():
        for environment in entry.get("environments") or content["environments"]:
            layers = _layers(content, team, environment)
            found = list(_stack(team, environment, layers, stacks))
            problems += [each for each in found if isinstance(each, Problem)]
            stacks += [each for each in found if isinstance(each, TeamStack)]
    problems += _shared_namespaces(stacks, content)
    if problems:
        raise _error(file, problems, lines)
    return stacks


def _error(file: str, problems: list[Problem], lines: Mapping[str, int]) -> TableError:
    """An error with each problem once: one entry is wrong for many Airflows."""
    return TableError(file, [(each, line_of(each.path, lines)) for each in dict.fromkeys(problems)])


def _form(content: object) -> Iterator[Problem]:
    """What is wrong with the table before any setting is read."""
    if not isinstance(content, Mapping):
        yield Problem("teams", "is required", ("give an object with the keys defaults, environments and teams",))
        return
    yield from _unknown("", content, _TOP_LEVEL)
    for key in ("environments", "teams"):
        entries = content.get(key)
        if not isinstance(entries, Mapping) or not entries:
            yield Problem(key, "is required: an object with an entry for each", (f"add an entry to {key}",))
    yield from _is_object("defaults", content.get("defaults"))
    environments = content.get("environments")
    for key in ("environments", "teams"):
        entries = content.get(key)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            path = f"{key}.{name}"
            if not _NAME.fullmatch(str(name)):
                allowed = "lowercase letters, digits and -, a letter first"
                yield Problem(path, "is no name of a stack", ("give it another name",), allowed=allowed)
            yield from _is_object(path, entry)
            chosen = entry.get("environments") if key == "teams" and isinstance(entry, Mapping) else None
            if chosen is not None and not isinstance(chosen, Mapping):
                yield Problem(f"{path}.environments", "must be an object", ("write `prod: {}` for each environment",))
            elif chosen and isinstance(environments, Mapping):
                yield from _unknown(f"{path}.environments", chosen, environments)
                for environment, own in chosen.items():
                    yield from _is_object(f"{path}.environments.{environment}", own)


def _is_object(path: str, entry: object) -> Iterator[Problem]:
    if entry is not None and not isinstance(entry, Mapping):
        yield Problem(path, "must be an object with settings", ("give settings, such as `size: small`",), value=entry)


def _unknown(
    path: str, entries: Mapping[Any, object], known: Mapping[Any, object] | tuple[str, ...]
) -> Iterator[Problem]:
    for key in entries:
        if key not in known:
            nearest = get_close_matches(str(key), [str(each) for each in known], n=1, cutoff=0.5)
            where = f"{path}.{key}".lstrip(".")
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            reason = f"is not {'an environment' if path else 'a key'} of the table{hint}"
            yield Problem(where, reason, (Remove(where),), allowed=", ".join(map(str, known)), is_unknown=True)


def _layers(content: Plain, team: str, environment: str) -> dict[str, Plain]:
    """The layers of one Airflow by their path in the table, the strongest first."""
    entry = content["teams"][team] or {}
    own = (entry.get("environments") or {}).get(environment) or {}
    return {
        f"teams.{team}.environments.{environment}": own,
        f"teams.{team}": {key: value for key, value in entry.items() if key != "environments"},
        f"environments.{environment}": content["environments"][environment] or {},
        "defaults": content.get("defaults") or {},
    }


def _stack(
    team: str, environment: str, layers: dict[str, Plain], before: list[TeamStack]
) -> Iterator[Problem | TeamStack]:
    name = f"{team}-{environment}"
    if len(name) > _LONGEST_NAME:
        reason = f"gives the name {name}, which is longer than {_LONGEST_NAME} characters"
        yield Problem(f"teams.{team}", reason, ("shorten the team's or the environment's name",))
        return
    if same := [each for each in before if each.name == name]:
        reason = f"gives the stack {name}, and so does team {same[0].team!r}"
        yield Problem(f"teams.{team}", reason, ("give it another name",))
        return
    merged: Plain = {"namespace": f"airflow-{name}"}
    for layer in reversed(layers.values()):
        merged = _merged(merged, layer)
    merged = _named(merged, team, environment)
    cluster = merged.pop(_CLUSTER, None)
    if cluster is not None and not (isinstance(cluster, str) and cluster.strip()):
        path = _place(layers, _CLUSTER)
        yield Problem(path, "must be the name of a kubeconfig context", (Set(path),), value=cluster)
        return
    for key in get_close_matches(_CLUSTER, map(str, merged), n=1, cutoff=0.8):
        path = _place(layers, key)
        yield Problem(path, f"is not a setting; did you mean {_CLUSTER!r}?", (Remove(path),), is_unknown=True)
        return
    try:
        settings = load(name, merged, (), secrets_required=False)
    except SettingsError as error:
        yield from (_in_table(each, layers, name) for each in error.problems)
        return
    yield TeamStack(team, environment, cluster, merged, settings)


def _merged(base: Plain, own: Mapping[str, Any]) -> Plain:
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = (
                _merged(below if isinstance(below, dict) else {}, value) if isinstance(value, Mapping) else value
            )
    return merged


def _named(value: Any, team: str, environment: str) -> Any:  # noqa: ANN401  any setting
    match value:
        case str():
            return value.replace("<team>", team).replace("<environment>", environment)
        case Mapping():
            return {key: _named(inner, team, environment) for key, inner in value.items()}
        case list():
            return [_named(inner, team, environment) for inner in value]
    return value


def _in_table(problem: Problem, layers: Mapping[str, Plain], stack: str) -> Problem:
    """The problem of a setting, with its place in the table. What corrects it is set in the same layer."""
    layer = _layer(layers, problem.path)

    def moved(step: Step) -> Step:
        match step:
            case Set(path, value):
                return Set(f"{layer}.{path}", value)
            case Remove(path, is_key):
                return Remove(_place(layers, path), is_key)
            case SetSecret(key):
                return f"run `{SECRETS[key].command_for(stack)}`"
        return step

    return replace(problem, path=f"{layer}.{problem.path}", fix=tuple(map(moved, problem.fix)))


def _place(layers: Mapping[str, Plain], path: str) -> str:
    """The path of a setting in the table."""
    return f"{_layer(layers, path)}.{path}"


def _layer(layers: Mapping[str, Plain], path: str) -> str:
    """The strongest layer that gives most of a setting's path; of one that is nowhere, the team's entry."""
    steps = path.replace("[", ".").split(".")

    def depth(layer: str) -> int:
        value: Any = layers[layer]
        for number, step in enumerate(steps):
            if not isinstance(value, Mapping) or step not in value:
                return number
            value = value[step]
        return len(steps)

    deepest = max(layers, key=depth)  # the first of several
    return deepest if depth(deepest) else list(layers)[1]


def _shared_namespaces(stacks: list[TeamStack], content: Plain) -> Iterator[Problem]:
    first: dict[tuple[str | None, str], TeamStack] = {}
    for each in stacks:
        other = first.setdefault((each.cluster, each.settings.namespace), each)
        if other is not each:
            path = _place(_layers(content, each.team, each.environment), "namespace")
            where = f"cluster {each.cluster!r}" if each.cluster else "the cluster of the current context"
            reason = (
                f"is the namespace of {other.name} and of {each.name} on {where}: their objects have the same names"
            )
            yield Problem(path, reason, ("leave it out: each then has its own",), value=each.settings.namespace)
