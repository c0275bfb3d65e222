"""`helm.sh/v3:Release` by the real Helm, with the official provider's semantics.

A create installs, an update upgrades. A failed one is remembered, for the next update to mend,
and the previous revision goes on serving. Values go to Helm by its standard input; credentials
of a chart repository are refused, for Helm takes them as arguments only.
"""

# ruff: noqa: D102  (the methods are described in protocol.Resource)

import json
import re
import secrets

from sandbox.plugins import awaits
from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.helm import Helm, HelmError
from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Resource, Subject
from sandbox.plugins.wire import UNKNOWN, Path, Properties, Value, has_unknown, plain, secrets_like

_DEFAULT_TIMEOUT = 300  # seconds, as the official provider has it
_COMMON = {"atomic": "--atomic", "waitForJobs": "--wait-for-jobs"}
_SWITCHES = {
    "install": _COMMON | {"createNamespace": "--create-namespace", "skipCrds": "--skip-crds"},
    "upgrade": _COMMON | {"cleanupOnFail": "--cleanup-on-fail", "forceUpdate": "--force"},
}
_INPUTS = sorted(  # `compat` is sent by the SDK of itself
    {"chart", "compat", "maxHistory", "name", "namespace", "repositoryOpts", "skipAwait", "timeout"}
    | {"values", "version", *_SWITCHES["install"], *_SWITCHES["upgrade"]}
)


class Release(Resource):
    """A Helm release."""

    def __init__(self, api: Api, helm: Helm) -> None:
        self._api, self._helm = api, helm

    def check(self, subject: Subject) -> Properties:
        for key in sorted(set(subject.inputs) - set(_INPUTS)):
            known = ", ".join(_INPUTS)
            raise InvalidInputError(key, f"the stand-in's Release takes only {known}")
        inputs = dict(subject.inputs)
        if not inputs.get("name"):
            old = subject.old_inputs.get("name")
            inputs["name"] = old or f"{subject.name}-{secrets.token_hex(4)}"
        inputs["namespace"] = inputs.get("namespace") or self._api.namespace
        if not inputs.get("skipAwait"):
            inputs.setdefault("timeout", _DEFAULT_TIMEOUT)
        if not has_unknown(inputs):
            try:
                shown = self._helm.run("show", "chart", *_chart(plain(inputs)))
            except HelmError as error:
                raise InvalidInputError("chart", f"{error}; check chart and repository") from error
            found = re.search(r"^version: ['\"]?([^'\"\s]+)", shown, re.MULTILINE)
            inputs["version"] = found[1] if found else inputs.get("version", "")
        return inputs

    def replaced_by(self, subject: Subject, path: Path) -> bool:
        return path[0] in ("name", "namespace")

    def create(self, subject: Subject) -> tuple[str, Properties]:
        return _id(plain(subject.inputs)), self._run("install", subject)

    def update(self, subject: Subject) -> Properties:
        history = str(int(plain(subject.inputs).get("maxHistory", 0)))
        return self._run("upgrade", subject, "--history-max", history)

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        namespace, _, name = subject.id.rpartition("/")
        release = self._helm.release(name, namespace)
        if release is None:
            return None
        chart, config = release["metadata"], release["status"].get("config") or {}
        live = {"version": chart["version"], "values": config}
        if not subject.outputs:
            inputs = {"chart": chart["chart"], "name": name, "namespace": namespace} | live
        else:
            inputs = dict(subject.inputs)
            was = plain(inputs)
            if _without_nulls(was.get("values") or {}) != _without_nulls(config):
                inputs["values"] = secrets_like(config, inputs.get("values"))
            if was.get("version") != chart["version"]:
                inputs["version"] = chart["version"]
        return subject.id, inputs, _outputs(inputs, release)

    def delete(self, subject: Subject) -> None:
        namespace, _, name = subject.id.rpartition("/")
        inputs = plain(subject.inputs)
        try:
            self._helm.run("uninstall", name, *_waiting(inputs), namespace=namespace)
        except HelmError as error:
            if "release: not found" not in str(error):
                raise

    def _run(self, verb: str, subject: Subject, *more: str) -> Properties:
        if subject.preview:
            return subject.inputs | {"status": UNKNOWN, "resourceNames": UNKNOWN}
        inputs = plain(subject.inputs)
        name, namespace = inputs["name"], inputs["namespace"]
        before = self._helm.release(name, namespace)
        switches = [flag for key, flag in _SWITCHES[verb].items() if inputs.get(key)]
        command = [verb, name, *_chart(inputs), *switches, *_waiting(inputs), *more]
        values = json.dumps(inputs.get("values") or {})
        failure = None
        try:
            self._helm.run(*command, "--values", "-", namespace=namespace, stdin=values)
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
        lines = []
        for manifest in _manifests(release):
            manifest["metadata"].setdefault("namespace", release["status"]["namespace"])
            try:
                live = awaits.get_again(self._api, manifest)
                lacking = awaits.missing(self._api, live) if live else None
            except awaits.NeverReadyError as error:
                lacking = str(error)
            except ApiError:
                continue
            if live and lacking:
                lines.append(f"{live['kind']} {live['metadata']['name']}: {lacking}")
                lines += awaits.troubles(self._api, live)
        return lines


def _chart(inputs: Properties) -> list[str]:
    """Say which chart; a `repo` that is no URL is the name of a repository in Helm's configuration."""
    options, chart = inputs.get("repositoryOpts") or {}, inputs["chart"]
    if refused := sorted(set(options) - {"repo"}):
        reason = (
            f"the stand-in takes only repo, not {', '.join(refused)}: try an OCI registry and `helm registry login`"
        )
        raise InvalidInputError("repositoryOpts", reason)
    version = ["--version", inputs["version"]] if inputs.get("version") else []
    repository = options.get("repo")
    if not repository or chart.startswith("oci://"):
        return [chart, *version]
    return [chart, "--repo", repository, *version] if "://" in repository else [f"{repository}/{chart}", *version]


def _waiting(inputs: Properties) -> list[str]:
    if inputs.get("skipAwait"):
        return []
    return ["--wait", "--timeout", f"{int(inputs.get('timeout') or _DEFAULT_TIMEOUT)}s"]


def _id(inputs: Properties) -> str:
    return f"{inputs['namespace']}/{inputs['name']}"


def _revision(release: Properties) -> int:
    return int(release["status"]["version"])


def _without_nulls(value: Value) -> Value:
    """Drop nulls, of which Helm does not record all."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _manifests(release: Properties) -> list[Properties]:
    import yaml  # late, for a preview without changes has no use for it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = yaml.load_all(release["status"].get("manifest") or "", loader)
    return [document for document in documents if document]


def _outputs(inputs: Properties, release: Properties) -> Properties:
    status, chart = release["status"], release["metadata"]
    names: dict[str, list[str]] = {}
    for manifest in _manifests(release):
        group = manifest["apiVersion"].rpartition("/")[0]
        kind = ".".join(filter(None, (manifest["kind"], group)))
        metadata = manifest["metadata"]
        name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        names.setdefault(f"{kind}/{manifest['apiVersion']}", []).append(name)
    return inputs | {
        "name": status["name"],
        "namespace": status["namespace"],
        "version": chart["version"],
        "resourceNames": {kind: sorted(found) for kind, found in names.items()},
        "status": {
            "appVersion": chart.get("appVersion", ""),
            "chart": chart["chart"],
            "name": status["name"],
            "namespace": status["namespace"],
            "revision": status["version"],
            "status": status["info"]["status"],
            "version": chart["version"],
        },
    }
