"""Check of the merged chart values: what the program and a stack's `values` give together. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack import credentials
from airflow_stack.settings.models import MANAGED_ENVIRONMENT, Settings, shadowed_by
from airflow_stack.settings.problem import Problem, Remove, Set, Step

from .managed import GIT_SYNC_VARIABLES, MISSING, managed, value_at, variables_of
from .placement import ca_variables
from .pod_rules import ABOVE_LIMIT, is_template, read_yaml
from .value_rules import rule_for

# Their content is the user's: texts and options of Airflow.
_OPAQUE = frozenset({"config", "extraConfigMaps", "extraSecrets", "quotas", "limits", "podTemplate"})
COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers", "workers.celery", "workers.kubernetes")
_NEEDED = {
    "apiServer": "tasks reach Airflow only through the API server",
    "scheduler": "nothing would run",
    "dagProcessor": "no DAG would be read",
}
# Volumes and mount paths of the chart's own pods (chart 1.22.0, templates).
_VOLUMES = frozenset(
    {"config", "logs", "dags", "git-sync-ssh-key", "kerberos-ccache", "kerberos-keytab", "webserver-config"}
)
_AIRFLOW_HOME = "/opt/airflow"
_MOUNTS = frozenset(f"{_AIRFLOW_HOME}/{file}" for file in ("airflow.cfg", "logs", "config/airflow_local_settings.py"))


def merged_problems(settings: Settings, merged: Mapping[str, Any]) -> Iterator[Problem]:
    """What the Kubernetes API, or a pod, would refuse of the merged values.

    Args:
        settings: Settings of the stack.
        merged: Its chart values, the stack's own among them.
    """
    yield from _by_rules(merged, ())
    for component, reason in _NEEDED.items():
        if value_at(merged, f"{component}.replicas") == 0:
            path = f"values.{component}.replicas"
            yield Problem(path, f"would run no pod, and {reason}", (Remove(path),), allowed="1 or more", value=0)
    args = value_at(settings.values, "apiServer.args")
    proxied = settings.address or settings.access.login
    if proxied and args not in (MISSING, None) and "--proxy-headers" not in str(args):
        reason = "replaces the program's arguments, and would drop --proxy-headers, which links and logins behind a proxy need"
        steps = ("add --proxy-headers to the command in apiServer.args",)
        yield Problem("values.apiServer.args", reason, steps, value=args)
    yield from _variables_twice(settings, merged)
    yield from _git_sync_variables(settings)
    yield from _volumes_twice(merged)


def _by_rules(value: Any, path: tuple[str, ...]) -> Iterator[Problem]:  # noqa: ANN401  any chart value
    """Problems of a value and everything below it."""
    if value is None:  # removes a default
        return
    if path and (rule := rule_for(path)):
        for below, reason in rule(value):
            full = f"values.{'.'.join(path)}{below}"
            yield Problem(full, reason, _steps(full, reason), otherwise=_otherwise(reason), value=_below(value, below))
    if path[-1:] == ("affinity",):  # its rule reads all of it
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if path or key not in _OPAQUE:
                yield from _by_rules(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, Mapping):
                for key, below_it in inner.items():
                    yield from _by_rules(below_it, (*path[:-1], f"{path[-1]}[{index}]", str(key)))


def _steps(path: str, reason: str) -> tuple[Step, ...]:
    return (
        (Set(path, reason.removeprefix(ABOVE_LIMIT)),)
        if reason.startswith(ABOVE_LIMIT)
        else (f"correct airflow:{path}",)
    )


def _otherwise(reason: str) -> str:
    return "raise the limit" if reason.startswith(ABOVE_LIMIT) else ""


def _below(value: Any, path: str) -> object:  # noqa: ANN401
    """The value at a path such as `[0].name` or `.limits.memory`."""
    found = value
    for step in path.replace("[", ".").replace("]", "").strip(".").split("."):
        if isinstance(found, list) and step.isdigit():
            found = found[int(step)]
        elif isinstance(found, Mapping) and step:
            found = found.get(step)
    return "null" if found is None else found


def _variables_twice(settings: Settings, merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Variables of one container that are given in several places: a later upgrade would lose one of them."""
    everywhere = {**settings.environment, **ca_variables(settings), **settings.environment_from}
    decided = variables_of(managed(settings))
    for component in COMPONENTS:
        path = f"{component}.env"
        for index, each in enumerate(_list(settings.values, path)):
            name = each.get("name")
            where = f"values.{path}[{index}].name"
            if name in MANAGED_ENVIRONMENT:
                yield Problem(
                    where,
                    "is set by the program from its own Secrets",
                    (Remove(f"values.{path}[{index}]"),),
                    value=name,
                )
            elif row := decided.get(str(name)):
                steps = (Remove(f"values.{path}[{index}]"), row.step)
                yield Problem(where, f"would replace an option that {row.reason}", steps, value=name)
            elif shadowed_by(str(name)):
                reason = f"has no effect: the program sets {shadowed_by(str(name))}, which wins"
                yield Problem(where, reason, (Remove(f"values.{path}[{index}]"),), value=name)
            elif name in everywhere:
                reason = "is in airflow:environment or airflow:environmentFrom too"
                yield Problem(where, reason, ("give the variable once",), value=name)
    for index, name in enumerate(extra_variables(merged)):
        if name in MANAGED_ENVIRONMENT or name in everywhere or name in decided or shadowed_by(name):
            reason = "is set by the program or its settings too"
            yield Problem("values.extraEnv", f"variable {index + 1}, {name}, {reason}", ("give the variable once",))
    for section, options in (merged.get("config") or {}).items():
        for option in options if isinstance(options, Mapping) else ():
            variable = f"AIRFLOW__{section}__{option}".upper()
            path = f"values.config.{section}.{option}"
            if winner := shadowed_by(variable):
                reason = f"has no effect: the program sets {winner}, which wins"
                yield Problem(path, reason, (Remove(path), *_instead(winner)))
            elif variable in _SECRET_VARIABLES:
                reason = f"has no effect, because {variable} comes from a Secret, and would be readable in a ConfigMap"
                yield Problem(path, reason, (Remove(path), *_instead(variable)), value="[hidden]")


def _instead(variable: str) -> Iterator[str]:
    each = _SECRET_VARIABLES.get(variable)
    if each and each.existing:
        yield f"name a Secret with it in airflow:existingSecrets.{each.setting}"


_SECRET_VARIABLES = {variable: each for each in credentials.CREDENTIALS for variable in each.variables}


def _git_sync_variables(settings: Settings) -> Iterator[Problem]:
    """Variables of git-sync that a setting decides: a later one of the same name wins."""
    for index, each in enumerate(_list(settings.values, "dags.gitSync.env")):
        name = str(each.get("name"))
        if name in GIT_SYNC_VARIABLES:
            setting = GIT_SYNC_VARIABLES[name]
            steps: list[Step] = [
                Remove(f"values.dags.gitSync.env[{index}]"),
                *([f"use the setting {setting}"] if setting else []),
            ]
            reason = "would replace the variable that the chart sets for git-sync, and not what the program's checks and Jobs read"
            yield Problem(f"values.dags.gitSync.env[{index}].name", reason, tuple(steps), value=name)


def extra_variables(values: Mapping[str, Any]) -> list[str]:
    """Names of the variables in `extraEnv`; none of a template."""
    text = values.get("extraEnv")
    if not isinstance(text, str) or is_template(text):
        return []
    read = read_yaml(text)
    return [str(each.get("name")) for each in read if isinstance(each, Mapping)] if isinstance(read, list) else []


def _volumes_twice(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Volumes and mounts that clash with those of all pods."""
    volumes = [each.get("name") for each in _list(merged, "volumes")]
    mounts = [each.get("mountPath") for each in _list(merged, "volumeMounts")]
    yield from _clashes("values.volumes", volumes, "name", _VOLUMES, "the chart's own volume")
    yield from _clashes("values.volumeMounts", mounts, "mountPath", _MOUNTS, "the chart's own mount")
    known = {*volumes, *_VOLUMES}
    yield from _unknown_volumes("values.volumeMounts", _list(merged, "volumeMounts"), known)
    for component in COMPONENTS:
        own = [each.get("name") for each in _list(merged, f"{component}.extraVolumes")]
        of_workers = [each.get("name") for each in _list(merged, "workers.extraVolumes")] if "." in component else []
        mounted = _list(merged, f"{component}.extraVolumeMounts")
        yield from _unknown_volumes(f"values.{component}.extraVolumeMounts", mounted, {*known, *own, *of_workers})
        yield from _clashes(
            f"values.{component}.extraVolumes", own, "name", {*volumes, *_VOLUMES}, "a volume of every pod"
        )
        paths = [each.get("mountPath") for each in _list(merged, f"{component}.extraVolumeMounts")]
        yield from _clashes(
            f"values.{component}.extraVolumeMounts",
            paths,
            "mountPath",
            {*mounts, *_MOUNTS},
            "a mount of every container",
        )


def _unknown_volumes(path: str, mounts: list[Mapping[str, Any]], known: set[Any]) -> Iterator[Problem]:
    for index, each in enumerate(mounts):
        name = each.get("name")
        if isinstance(name, str) and name and not is_template(name) and name not in known:
            where = f"{path}[{index}].name"
            yield Problem(where, "is no volume of that pod", ("add the volume",), value=name)


def _clashes(path: str, names: list[Any], key: str, taken: frozenset[str] | set[Any], whose: str) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if isinstance(name, str) and name in taken:
            where = f"{path}[{index}].{key}"
            yield Problem(where, f"is {whose} too", ("choose another one",), value=name)


def _list(values: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    found = value_at(values, path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
