"""Values in objects that deploy a chart: Argo CD, Flux, the Helm controller of k3s, Kustomize, helmfile. Pure."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from airflow_stack.cli import fast_yaml
from airflow_stack.errors import UserError

from .model import Values, mapping, merge, plain_data, value_below

IsAirflow = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class ValuesInside:
    """Values in a file."""

    values: Values
    notes: list[str] = field(default_factory=list)
    """What the file is, and what in it is not read."""
    stops: list[str] = field(default_factory=list)
    """Values that the file only names."""


# Kind of an object, its paths with values, and its paths with values that are elsewhere.
_OBJECTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Application": (
        ("spec.source.helm.valuesObject", "spec.source.helm.values"),
        ("spec.source.helm.valueFiles", "spec.source.helm.parameters", "spec.source.helm.fileParameters"),
    ),
    "ApplicationSet": (
        ("spec.template.spec.source.helm.valuesObject", "spec.template.spec.source.helm.values"),
        tuple(f"spec.template.spec.source.helm.{key}" for key in ("valueFiles", "parameters", "fileParameters")),
    ),
    "HelmRelease": (("spec.values",), ("spec.valuesFrom", "spec.chart.spec.valuesFiles")),
    "HelmChart": (("spec.valuesContent", "spec.set"), ()),
    "HelmChartConfig": (("spec.valuesContent",), ()),
    "HelmChartInflationGenerator": (("valuesInline",), ("valuesFile",)),
    "ConfigMap": ((), ()),
}
_NAMES = {
    "Application": "an Argo CD Application",
    "ApplicationSet": "an Argo CD ApplicationSet",
    "HelmRelease": "a Flux HelmRelease",
}


def one_document(documents: list[Any], name: str) -> tuple[Any, list[str]]:
    """The only document of a file, or the only one that deploys a chart; and what is not read.

    Raises:
        UserError: it has several others.
    """
    if len(documents) <= 1:
        return (documents or [{}])[0], []
    objects = [each for each in documents if isinstance(each, Mapping) and each.get("kind") in _OBJECTS]
    if len(objects) == 1:
        kinds = [
            str(each.get("kind", "values")) if isinstance(each, Mapping) else "text"
            for each in documents
            if each is not objects[0]
        ]
        return objects[0], [f"{name}: only its {objects[0]['kind']} is read, not {', '.join(kinds)}"]
    raise UserError(f"{name} has {len(documents)} documents, separated by ---; name a file with one")


def values_of_object(given: Any, name: str, is_airflow: IsAirflow) -> ValuesInside:  # noqa: ANN401  any YAML
    """The values in an object that deploys a chart; those of any other file as they are. And what the file is.

    Args:
        given: Content of the file.
        name: Its name in messages.
        is_airflow: Whether values are of an Airflow chart.

    Raises:
        UserError: it is an object without values, or something else.
    """
    if not isinstance(given, Mapping):
        raise UserError(f"{name} is not a values file: its top level is not an object")
    if any(str(key).startswith("airflow:") for key in mapping(given.get("config"))):
        raise UserError(f"{name} is a stack file of Pulumi, not a values file; use --with for its settings")
    if isinstance(given.get("helmCharts"), list):
        return _of_list(given["helmCharts"], "helmCharts", "valuesInline", f"{name}: is a Kustomization", is_airflow)
    if isinstance(given.get("releases"), list) and "executor" not in given:
        return _of_list(given["releases"], "releases", "values", f"{name}: is a helmfile", is_airflow)
    kind = given.get("kind")
    if "apiVersion" not in given or not isinstance(kind, str):
        return ValuesInside(dict(given))
    if kind not in _OBJECTS:
        raise UserError(
            f"{name} is a Kubernetes object of kind {kind}, not a values file; give the values of the chart, or an Argo CD Application or Flux "
            "HelmRelease with them"
        )
    described = _NAMES.get(kind, f"a {kind}")
    paths, elsewhere = _OBJECTS[kind]
    if kind == "ConfigMap":
        paths = tuple(f"data.{key}" for key in mapping(given.get("data")))
    sources = value_below(given, "spec.sources")
    candidates: list[tuple[str, Any]] = [(path, _found(given, path)) for path in paths]
    if kind == "Application" and isinstance(sources, list):
        keys = ("helm.valuesObject", "helm.values")
        candidates += [
            (f"spec.sources[{n}].{key}", value_below(each, key)) for n, each in enumerate(sources) for key in keys
        ]
    given_values = [
        (path, value) for path, value in candidates if value not in (None, "", {}) and not isinstance(value, list)
    ]
    if not given_values:
        raise UserError(
            f"{name} is {described} without values ({' or '.join(paths)}); give the values files that it names"
        )
    path, value = given_values[0]
    notes = [f"{name}: is {described}; the values are those of {path}"]
    # Argo CD prefers valuesObject to values. Parameters and other files are merged by it, and not read here.
    notes += [f"{more}: is not read, because {path} is preferred" for more, _ in given_values[1:]]
    missing = [each for each in elsewhere if value_below(given, each)]
    missing += [
        f"spec.sources[{number}].helm.{key}"
        for number, each in enumerate(sources if isinstance(sources, list) else ())
        for key in ("valueFiles", "parameters", "fileParameters")
        if value_below(each, f"helm.{key}")
    ]
    stops = [f"{each}: has more values, which are not read; merge them into {path}" for each in missing]
    return ValuesInside(_inner(value, f"{name}, {path}"), notes, stops)


def _found(given: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401  any YAML
    if path.startswith("data."):  # keys of a ConfigMap contain dots
        return mapping(given.get("data")).get(path.removeprefix("data."))
    return value_below(given, path)


def _of_list(items: list[Any], key: str, inner: str, described: str, is_airflow: IsAirflow) -> ValuesInside:
    """The values of the only chart in a list that is Airflow's."""
    found = []
    for number, item in enumerate(items):
        given = mapping(item).get(inner)
        parts = given if isinstance(given, list) else [given]
        merged: Values = {}
        for part in parts:
            merged = merge(merged, mapping(part))
        is_named = "airflow" in str(mapping(item).get("chart") or mapping(item).get("name"))
        if merged and (is_named or is_airflow(merged)):
            stops = [
                f"{key}[{number}].{inner}[{n}]: is not read; merge it in, and adopt again"
                for n, part in enumerate(parts)
                if part is not None and not isinstance(part, Mapping)
            ]
            note = f"{described}; the values are those of {key}[{number}].{inner}"
            found.append(ValuesInside(merged, [note], stops))
    if len(found) != 1:
        raise UserError(
            f"{described}, and {len(found)} of its charts have values of Airflow here; give the values of one as a file"
        )
    return found[0]


def _inner(value: Any, name: str) -> Values:  # noqa: ANN401  any YAML
    """Values as an object, or as a text with YAML."""
    if isinstance(value, str):
        try:
            value = plain_data(fast_yaml.load(value) or {}, name)
        except (yaml.YAMLError, ValueError, RecursionError):
            refuse_text(value, name)
    if not isinstance(value, Mapping):
        raise UserError(f"{name}: its top level is not an object")
    return dict(value)


def refuse_text(text: str, name: str) -> NoReturn:
    """Refuse a text that is no YAML, with the reason if it is a template or encrypted.

    Raises:
        UserError: always.
    """
    if "{{" in text or "{%" in text:
        raise UserError(f"{name} is a template, not YAML yet; render it first, with the tool that fills it in")
    if text.startswith(("-----BEGIN AGE", "age-encryption.org", "-----BEGIN PGP", "\0GITCRYPT")):
        raise UserError(f"{name} is encrypted as a whole; decrypt it first")
    if "\0" in text:
        raise UserError(f"{name} is in UTF-16 without a byte order mark; save it as UTF-8")
    if re.search(r"^resource\s+\"helm_release\"", text, re.MULTILINE):
        raise UserError(f"{name} is Terraform's; give the values of its helm_release as a file of YAML")
    if re.search(r"!vault\b|\$ANSIBLE_VAULT", text):
        raise UserError(
            f"{name} is encrypted by Ansible Vault; decrypt it first (`ansible-vault decrypt {shlex.quote(name)}`)"
        )
    if re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
        raise UserError(f"{name} has conflict markers of git; solve the conflict first")
    if re.search(r"^\s*\t", text, re.MULTILINE):
        raise UserError(f"{name} is not YAML: it is indented with tabs; use spaces")
    raise UserError(f"{name} is not YAML")
