"""`helm.sh/v3:Release` by the real Helm, with the official provider's semantics.

A create installs, an update upgrades. A failed one is remembered, for the next update to mend,
and the previous revision goes on serving. Values go to Helm by its standard input; credentials
of a chart repository are refused, for Helm takes them as arguments only.
"""

# ruff: noqa: D102  (the methods are described in protocol.Resource)

import json
import re

from sandbox.plugins import awaits
from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.helm import Helm, HelmError
from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Resource, Subject, take_only
from sandbox.plugins.wire import UNKNOWN, Path, Properties, Value, has_unknown, plain, secrets_like

_DEFAULT_TIMEOUT = 300  # seconds, as the official provider has it
_NEEDED = ("chart", "name", "namespace")
_INPUTS = (  # `compat` is sent by the SDK of itself
    *_NEEDED,
    *("compat", "createNamespace", "maxHistory", "repositoryOpts", "timeout", "values", "version"),
)


class Release(Resource):
    """A Helm release."""

    def __init__(self, api: Api, helm: Helm) -> None:
        self._api, self._helm = api, helm

    def check(self, subject: Subject) -> Properties:
        inputs = {"timeout": _DEFAULT_TIMEOUT, **subject.inputs}
        take_only(_INPUTS, inputs)
        take_only(("repo",), plain(inputs.get("repositoryOpts")) or {})
        for key in _NEEDED:
            if not inputs.get(key):
                raise InvalidInputError(key, f"the sandbox's stand-in for a Release needs its {key}")
        if not has_unknown(inputs):
            try:
                shown = self._helm.run("show", "chart", *_chart(plain(inputs)))
            except HelmError as error:
                raise InvalidInputError("chart", f"{error}; check chart and repository") from error
            found = re.search(r"^version: ['\"]?([^'\"\s]+)", shown, re.MULTILINE)
            inputs["version"] = found[1] if found else inputs.get("version", "")
        return inputs

    def replaced_by(self, path: Path) -> bool:
        return path[0] in ("name", "namespace")

    def create(self, subject: Subject) -> tuple[str, Properties]:
        more = ["--create-namespace"] if plain(subject.inputs).get("createNamespace") else []
        return _id(plain(subject.inputs)), self._run("install", subject, *more)

    def update(self, subject: Subject) -> Properties:
        return self._run("upgrade", subject, "--history-max", str(plain(subject.inputs).get("maxHistory", 0)))

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        namespace, _, name = subject.id.rpartition("/")
        release = self._helm.release(name, namespace)
        if release is None:
            return None
        chart, config = release["metadata"], release["status"].get("config") or {}
        if subject.outputs:
            inputs = subject.inputs | {"version": chart["version"]}
            if _without_nulls(plain(inputs).get("values") or {}) != _without_nulls(config):
                inputs["values"] = secrets_like(config, inputs.get("values"))
        else:
            inputs = {"chart": chart["chart"], "name": name, "namespace": namespace}
            inputs |= {"version": chart["version"], "values": config}
        return subject.id, inputs, _outputs(inputs, release)

    def delete(self, subject: Subject) -> None:
        namespace, _, name = subject.id.rpartition("/")
        try:
            self._helm.run("uninstall", name, "--namespace", namespace, *_waiting(plain(subject.inputs)))
        except HelmError as error:
            if "release: not found" not in str(error):
                raise

    def _run(self, verb: str, subject: Subject, *more: str) -> Properties:
        if subject.preview:
            return subject.inputs | {"status": UNKNOWN}
        inputs = plain(subject.inputs)
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
            raise PluginError(str(failure)) from failure  # Helm refused before it did anything
        outputs = _outputs(subject.inputs, release)
        if failure:
            reasons = [f'Helm release "{_id(inputs)}" failed: {failure}', *self._unready(release)]
            raise NotReadyError(_id(inputs), subject.inputs, outputs, reasons) from failure
        return outputs

    def _unready(self, release: Properties) -> list[str]:
        """Say, a line each, which objects of the release are not ready, and why."""
        import yaml  # late, for a release that is well has no use for it

        lines = []
        for manifest in filter(None, yaml.safe_load_all(release["status"].get("manifest") or "")):
            manifest["metadata"].setdefault("namespace", release["status"]["namespace"])
            try:
                live = awaits.get_again(self._api, manifest)
                if live and (lacking := awaits.missing(live)):
                    lines.append(f"{live['kind']} {live['metadata']['name']}: {lacking}")
                    lines += awaits.troubles(self._api, live)
            except ApiError:
                continue
        return lines


def _chart(inputs: Properties) -> list[str]:
    repository = (inputs.get("repositoryOpts") or {}).get("repo")
    return [
        inputs["chart"],
        *(["--repo", repository] if repository else []),
        *(["--version", inputs["version"]] if inputs.get("version") else []),
    ]


def _waiting(inputs: Properties) -> list[str]:
    return ["--wait", "--timeout", f"{inputs.get('timeout', _DEFAULT_TIMEOUT)}s"]


def _id(inputs: Properties) -> str:
    return f"{inputs['namespace']}/{inputs['name']}"


def _revision(release: Properties) -> int:
    return int(release["status"]["version"])


def _without_nulls(value: Value) -> Value:
    """Drop nulls, of which Helm does not record all."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _outputs(inputs: Properties, release: Properties) -> Properties:
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
    return inputs | {"status": shown}
