"""`helm.sh/v3:Release` with the real Helm and the official provider's semantics: provider/pkg/provider/helm_release.go.

A create installs, an update upgrades. A failed revision stays in the state until the next update, and the previous one keeps running. Helm
receives the values on standard input. Credentials of a chart repository are refused, because Helm takes them only as arguments.
"""

# ruff: noqa: D102  (ResourceType describes the methods)

import json
import re
from pathlib import Path
from typing import Any

from sandbox.plugins.checkpoint import INPUTS
from sandbox.plugins.helm_cli import HelmCli, HelmError
from sandbox.plugins.property_values import (
    UNKNOWN,
    Properties,
    Value,
    changes,
    dotted,
    has_unknown,
    plain,
    secret,
    with_secrets_of,
)
from sandbox.plugins.protocol import (
    InvalidInputError,
    NotReadyError,
    PluginError,
    Request,
    ResourceDiff,
    ResourceType,
    accept_only,
)

_DEFAULT_TIMEOUT = 300  # seconds
_REQUIRED = ("chart", "name", "namespace")
_ACCEPTED = (*_REQUIRED, "createNamespace", "maxHistory", "repositoryOpts", "skipAwait", "timeout", "values", "version")
# The state of a release has all inputs, with their defaults.
_DEFAULTS: Properties = dict.fromkeys(
    "allowNullValues atomic cleanupOnFail createNamespace dependencyUpdate devel disableCRDHooks disableOpenapiValidation disableWebhooks "
    "forceUpdate lint recreatePods renderSubchartNotes replace resetValues reuseValues skipAwait skipCrds verify waitForJobs".split(),
    False,
) | {"description": "", "keyring": "", "postrender": "", "timeout": 0, "values": {}, "version": ""}
_REPOSITORY = dict.fromkeys(("repo", "caFile", "certFile", "keyFile", "password", "username"), "")
_SENT_BY_SDK = ("compat", "resourceNames", "status")
_LATE = "failed to become available within allocated timeout. Error: Helm Release {}: {}"


class ReleaseType(ResourceType):
    """A Helm release."""

    def __init__(self, helm: HelmCli) -> None:
        self._helm = helm

    def check(self, request: Request) -> Properties:
        given = {"timeout": _DEFAULT_TIMEOUT, **request.inputs}
        for key in _SENT_BY_SDK:
            given.pop(key, None)
        accept_only(_ACCEPTED, [key for key, value in plain(given).items() if value or key not in _DEFAULTS])
        accept_only(("repo",), [key for key, value in (plain(given.get("repositoryOpts")) or {}).items() if value])
        for key in _REQUIRED:
            if not given.get(key):
                raise InvalidInputError(key, f"the sandbox's stand-in plugin requires {key} of a Release")
        inputs = _DEFAULTS | given
        if isinstance(options := plain(inputs.get("repositoryOpts")), dict):
            inputs["repositoryOpts"] = _REPOSITORY | options
        if not has_unknown(inputs):
            inputs["version"] = self._version(plain(inputs))
        return with_secrets_of(plain(inputs), inputs)

    def diff(self, request: Request) -> ResourceDiff:
        new, state = plain(request.inputs), plain(request.outputs)
        old_inputs = state.pop(INPUTS, {})
        paths = {}
        for path, kind in changes(state, new):
            # The state has more than the inputs. Only a former input can be deleted.
            if kind != "DELETE" or _has(old_inputs, path):
                paths[dotted(path)] = kind, kind == "DELETE"
        return ResourceDiff(paths, [path for path in paths if path in ("name", "namespace")])

    def create(self, request: Request) -> tuple[str, Properties]:
        more = ["--create-namespace"] if plain(request.inputs).get("createNamespace") else []
        return _id(plain(request.inputs)), self._run("install", request, *more)

    def update(self, request: Request) -> Properties:
        return self._run("upgrade", request, "--history-max", str(plain(request.inputs).get("maxHistory", 0)))

    def read(self, request: Request) -> tuple[str, Properties, Properties] | None:
        namespace, _, name = request.id.rpartition("/")
        release = self._helm.release(name, namespace)
        if release is None:
            return None
        if request.outputs:
            given = request.inputs
            inputs = plain(request.outputs)
            inputs.pop(INPUTS, None)
        else:
            chart = release["metadata"]
            inputs = _DEFAULTS | {"name": name, "namespace": namespace, "chart": _local(chart)}
            given = inputs = inputs | {"values": release["status"].get("config") or {}, "version": chart["version"]}
        return request.id, given, _outputs(inputs, given, release)

    def delete(self, request: Request) -> None:
        namespace, _, name = request.id.rpartition("/")
        output = self._helm.run("uninstall", name, "--namespace", namespace, *_waiting(plain(request.outputs)))
        if notes := re.sub(r'^release ".*" uninstalled$', "", output, flags=re.MULTILINE).strip():
            request.log.message("WARNING", f"Helm uninstall returned information: {json.dumps(notes)}")

    def _version(self, inputs: Properties) -> str:
        try:
            shown = self._helm.run("show", "chart", *_chart(inputs))
        except HelmError as error:
            reason = f"{error}; check the chart name and repository configuration."
            raise InvalidInputError("chart", reason) from error
        found = re.search(r"^version: ['\"]?([^'\"\s]+)", shown, re.MULTILINE)
        return found[1] if found else str(inputs["version"])

    def _run(self, verb: str, request: Request, *more: str) -> Properties:
        inputs = plain(request.inputs)
        if request.preview:
            later = {"resourceNames": UNKNOWN, "status": UNKNOWN}
            return request.inputs | later | {INPUTS: secret(request.inputs)}
        name, namespace = inputs["name"], inputs["namespace"]
        before = self._helm.release(name, namespace)
        command = [verb, name, *_chart(inputs), "--namespace", namespace, *_waiting(inputs), *more]
        failure = None
        try:
            self._helm.run(*command, "--values", "-", stdin=json.dumps(inputs.get("values") or {}))
        except HelmError as error:
            failure = error
        release = self._helm.release(name, namespace)
        if release is None or (failure and before and _revision(before) == _revision(release)):
            raise PluginError(str(failure)) from failure  # Helm changed nothing
        outputs = _outputs(inputs, request.inputs, release)
        if failure:
            raise NotReadyError(
                _id(inputs), None, outputs, [_failure_message(verb, inputs, failure, request)]
            ) from failure
        return outputs


def _failure_message(verb: str, inputs: Properties, failure: HelmError, request: Request) -> str:
    how = "failed to initialize completely"
    if verb == "install":
        request.log.message(
            "WARNING",
            f'Helm release "{inputs["name"]}" was created but has a failed status. Use the `helm` command to investigate the error, '
            f"correct it, then retry. Reason: {failure}",
        )
        how = f"was created, but {how}"
    return f'Helm release "{_id(inputs)}" {how}. Use Helm CLI to investigate: {_LATE.format(_id(inputs), failure)}'


def _chart(inputs: Properties) -> list[str]:
    repository = (inputs.get("repositoryOpts") or {}).get("repo")
    return [
        inputs["chart"],
        *(["--repo", repository] if repository else []),
        *(["--version", inputs["version"]] if inputs.get("version") else []),
    ]


def _local(chart: Properties) -> str:
    """Chart of an imported release: a path beside the program, or its name."""
    name = f"{chart['chart']}-{chart['version']}"
    found = (each for each in (name, f"{name}.tgz", chart["chart"], f"{chart['chart']}.tgz") if Path(each).exists())
    return next(found, str(chart["chart"]))


def _waiting(inputs: Properties) -> list[str]:
    wait = [] if inputs.get("skipAwait") else ["--wait"]
    return [*wait, "--timeout", f"{inputs.get('timeout') or _DEFAULT_TIMEOUT}s"]


def _id(inputs: Properties) -> str:
    return f"{inputs['namespace']}/{inputs['name']}"


def _revision(release: Properties) -> int:
    return int(release["status"]["version"])


def _has(value: Value, path: tuple[Any, ...]) -> bool:
    for step in path:
        if isinstance(step, int):
            return True  # a list is an input as a whole
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def _outputs(inputs: Properties, given: Properties, release: Properties) -> Properties:
    status, chart = release["status"], release["metadata"]
    shown = {
        "appVersion": chart.get("appVersion", ""),
        "chart": chart["chart"],
        "name": status["name"],
        "namespace": status["namespace"],
        "revision": status["version"],
        "status": status["info"]["status"],
        "version": chart["version"],
    }
    outputs = inputs | {
        "resourceNames": _names(status.get("manifest") or ""),
        "status": shown,
        "values": _overlaid(inputs.get("values") or {}, status.get("config") or {}),
        "version": chart["version"],
    }
    return with_secrets_of(outputs, given) | {INPUTS: secret(given)}


def _overlaid(values: Properties, config: Properties) -> Properties:
    """Values of the inputs, overridden by those that Helm has recorded."""
    merged = values | config
    for key in values.keys() & config.keys():
        if isinstance(values[key], dict) and isinstance(config[key], dict):
            merged[key] = _overlaid(values[key], config[key])
    return merged


def _names(manifest: str) -> dict[str, list[str]]:
    """Names of a release's objects, by kind and API version."""
    import yaml  # not at the top, because a preview does not need it

    names: dict[str, set[str]] = {}
    for each in filter(None, yaml.safe_load_all(manifest)):
        group = each["apiVersion"].rpartition("/")[0]
        kind = f"{each['kind']}.{group}" if group else each["kind"]
        metadata = each["metadata"]
        name = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
        names.setdefault(f"{kind}/{each['apiVersion']}", set()).add(name)
    return {key: sorted(found) for key, found in names.items()}
