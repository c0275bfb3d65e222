"""Values without a setting: unknown to the chart, a secret, refused by `check`, or for `airflow:values`. Pure."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.chart.check import TOP_LEVEL_KEYS
from airflow_stack.chart.managed import MANAGED
from airflow_stack.chart.values import chart_values
from airflow_stack.chart.without_effect import without_effect
from airflow_stack.credentials import FLOWER, SECRETS
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.secret_forms import Path, secret_places
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import HIDDEN, Problem

from .credential_settings import instead_of
from .leaves import leftovers, without_secrets
from .model import Adoption, ChartValues, Values, merge, value_below

_MANAGED = frozenset(row.path for row in MANAGED)
# The chart expands templates in these, and they may read any value.
_TEMPLATES = (
    "airflowLocalSettings",
    "extraEnv",
    "extraEnvFrom",
    "extraConfigMaps",
    "podTemplate",
    "apiServer",
    "webserver",
)
_READS = re.compile(r"\.Values((?:\.\w+)+)")
_OLD_LOCAL_SETTINGS = "dynamic webserver secret key detected"
_SECRET_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SECRET_KEY = re.compile(rf"Secret {_SECRET_NAME.pattern}, key [-._a-zA-Z0-9]+")
# Settings with names of Secrets and of keys in them, and those that are checked elsewhere.
_NAMES_OF_SECRETS = ("existingSecrets", "environmentFrom", "rotation", "values", "environment")
_STAND_IN = {"repository": "https://git.example.com/acme/dags.git"}


def remaining_values(given: Mapping[str, Any], values: ChartValues, adoption: Adoption) -> None:
    """Keep what was not taken as `airflow:values`, and say of everything else what becomes of it.

    Args:
        given: All values of the file.
        values: What the rules left of them.
        adoption: What the rules made of the others.
    """
    rest = values.remaining()
    for key in sorted(rest.keys() - TOP_LEVEL_KEYS):
        reason = (
            "is one key with a dot in it, so it never had an effect"
            if "." in key
            else "is not a value of the chart, so it never had an effect"
        )
        more = (
            "; the chart's first user has the password admin: change it"
            if key.lower().startswith("defaultuser")
            else ""
        )
        adoption.drop(key, rest.pop(key), reason + more)
    kept, secrets = without_secrets(merge(rest, adoption.settings.pop("values", {})))
    for path, place in secrets.items():
        adoption.stop(place, f"looks like a secret in plain text; {_instead_of(place)}")
        adoption.reach(path)
    _local_settings(kept, adoption)
    if kept := ChartValues(kept).remaining():
        adoption.settings["values"] = kept
    _without_refused(adoption)
    _open_flower(adoption)
    _without_effect(adoption)
    leave_out_secrets(adoption)
    for path in leftovers(given, adoption):
        adoption.note(path, "is left out: no setting has it")
    _check_templates(given, adoption)
    hide_secrets(given, adoption)
    if remaining := adoption.settings.get("values"):
        adoption.notes.append(
            f"airflow:values has the values without a setting, merged last: {', '.join(sorted(remaining))}"
        )


def _instead_of(place: str) -> str:
    """Where a secret belongs that stands at a place of chart values."""
    if place.startswith("dags.gitSync."):
        return "set the secret airflow:gitToken or airflow:gitSshKey"
    if option := re.fullmatch(r"config\.(\w+)\.(\w+)", place):
        return instead_of(f"AIRFLOW__{option[1]}__{option[2]}".upper())
    if variable := re.fullmatch(r"[\w.]+\.env\.(\w+)", place):
        return instead_of(variable[1])
    return "put it into a Secret and name that in airflow:environmentFrom"


def _local_settings(kept: Values, adoption: Adoption) -> None:
    """Settings files for Airflow 2. A module that is missing there stops every Airflow process (airflow/settings.py, import_local_settings)."""
    text = kept.get("airflowLocalSettings")
    if not isinstance(text, str) or "airflow.www" not in text:
        return
    if _OLD_LOCAL_SETTINGS in text and len(re.findall(r"^\s*(?:import|from) ", text, re.MULTILINE)) == 1:
        del kept["airflowLocalSettings"]
        adoption.note(
            "airflowLocalSettings",
            "is the default of a chart for Airflow 2, which imports airflow.www, so it is left out",
        )
    else:
        adoption.stop(
            "airflowLocalSettings",
            "imports airflow.www, which Airflow 3 does not have: no process would start; correct it in the file",
        )


def _without_refused(adoption: Adoption) -> None:
    """Leave out what `check` refuses in `airflow:values`, with its reason. Null and empty values there say nothing."""
    while problems := list(_refused(adoption)):
        for problem in problems:
            path = problem.path.removeprefix("values.")
            if not (found := _locate(adoption.settings["values"], problem.path)):  # below one that is left out by now
                continue
            if (value := found[0].pop(found[1])) in (None, "", [], {}):
                if value is None and path not in _MANAGED:
                    adoption.note(path, f"is null, and stays as the program sets it: {problem.reason}")
                adoption.reach(path)
                continue
            steps = "; ".join(step for step in problem.fix if isinstance(step, str))
            adoption.stop(path, "; ".join(filter(None, (problem.reason, steps))))
        adoption.settings["values"] = ChartValues(adoption.settings["values"]).remaining()
    if not adoption.settings.get("values"):
        adoption.settings.pop("values", None)


def _open_flower(adoption: Adoption) -> None:
    """Flower without a login: its password was in the values, or there was none."""
    if value_below(adoption.settings, "values.flower.enabled") and not value_below(
        adoption.settings, f"values.{FLOWER.chart_value}"
    ):
        adoption.stop("flower.enabled", f"would run Flower without a login; {FLOWER.dropped}")


def _without_effect(adoption: Adoption) -> None:
    """Leave out what the chart would ignore, with the reason."""
    settings = _loaded(adoption) if adoption.settings.get("values") else None
    for path, reason in without_effect(settings) if settings else ():
        if found := _locate(adoption.settings["values"], f"values.{path}"):
            found[0].pop(found[1])
            adoption.note(path, reason)
    if kept := ChartValues(adoption.settings.get("values", {})).remaining():
        adoption.settings["values"] = kept
    else:
        adoption.settings.pop("values", None)


def _refused(adoption: Adoption) -> Iterator[Problem]:
    """Problems of `airflow:values` that name a value of it. Other settings are left out while they have problems of their own."""
    settings = copy.deepcopy({key: value for key, value in adoption.settings.items() if key != "chart"})
    secrets = dict.fromkeys(adoption.secrets.keys() & SECRETS.keys(), "")
    while values := settings.get("values"):
        try:
            load("", {**settings, **secrets}, secrets.keys(), secrets_required=False)
        except SettingsError as error:
            found = [each for each in error.problems if each.path.startswith("values.") and _locate(values, each.path)]
            if found:
                yield from found
                return
            wrong = {each.path.partition(".")[0] for each in error.problems} - {"values"}
            if not wrong & settings.keys():
                return
            for key in wrong:
                settings.pop(key, None)
            settings.setdefault("dags", dict(_STAND_IN))
        else:
            return


def _locate(values: Values, path: str) -> tuple[Values, str] | None:
    """The object and the key that a problem's path `values.a.b` leads to; a list is one value, and keys may contain dots."""
    steps, place = path.split(".")[1:], values
    while steps:
        length = next((n for n in range(len(steps), 0, -1) if ".".join(steps[:n]) in place), 0)
        key, steps = ".".join(steps[:length]), steps[length:]
        if not length:
            return None
        if not steps or not isinstance(place[key], dict):
            return place, key
        place = place[key]
    return None


def leave_out_secrets(adoption: Adoption) -> None:
    """Leave out what looks like a secret in the settings, wherever it comes from, and what is no name where a Secret is named."""
    existing = adoption.settings.get("existingSecrets", {})
    variables = adoption.settings.get("environmentFrom", {})
    named = {f"existingSecrets.{key}": (existing, key, name) for key, name in existing.items()}
    named |= {f"environmentFrom.{key}": (variables, key, each.get("secret")) for key, each in variables.items()}
    for path, (place, key, name) in named.items():
        if not _SECRET_NAME.fullmatch(str(name)) and name != "<secret>":
            del place[key]
            adoption.stop(f"airflow:{path}", "the file has something else than the name of a Secret there; correct it")
    for setting, source in adoption.secrets.items():
        if source.startswith("Secret ") and not _SECRET_KEY.fullmatch(source):
            adoption.secrets[setting] = ""
            adoption.stop(
                f"airflow:{setting}",
                "the file has something else than the name of a Secret and of a key there; correct it",
            )
    checked = {key: value for key, value in adoption.settings.items() if key not in _NAMES_OF_SECRETS}
    kept, secrets = without_secrets(checked)
    for place in secrets.values():
        adoption.stop(f"airflow:{place}", "looks like a secret in plain text, and is left out; correct it in the file")
    if secrets:
        adoption.settings.update(kept)
        for key in checked.keys() - kept.keys():
            del adoption.settings[key]


def hide_secrets(given: Mapping[str, Any], adoption: Adoption) -> None:
    """Hide every secret of the file in the lines about it."""
    secrets = sorted(
        (text for place in secret_places(given) if len(text := _text_at(given, place)) > 2), key=len, reverse=True
    )

    def hidden(line: str) -> str:
        for secret in secrets:
            line = line.replace(secret, HIDDEN).replace(repr(secret), HIDDEN)
        return line

    adoption.notes = [hidden(line) for line in adoption.notes]
    adoption.until = {hidden(line): settings for line, settings in adoption.until.items()}
    adoption.blockers = [hidden(line) for line in adoption.blockers]


def _text_at(value: Any, place: Path) -> str:  # noqa: ANN401  any chart value
    for step in place:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return str(value) if isinstance(value, str | int | float) else ""


def _check_templates(given: Mapping[str, Any], adoption: Adoption) -> None:
    """Stop where a template that is kept reads a value that is not."""
    kept = adoption.settings.get("values", {})
    final: Mapping[str, Any] | None = None
    for key in _TEMPLATES:
        for text in _texts(kept.get(key)):
            for path in dict.fromkeys(found[1:] for found in _READS.findall(text)):
                if value_below(given, path) in (None, "", {}, []) or value_below(kept, path) is not None:
                    continue
                final = final or chart_values(_loaded(adoption) or Settings.model_validate({"dags": _STAND_IN}))
                if value_below(final, path) is None:
                    adoption.stop(
                        f"airflow:values.{key}",
                        f"is a template that reads .Values.{path}, which is left out; correct the template in the file",
                    )


def _loaded(adoption: Adoption) -> Settings | None:
    """The settings; None while one of them is wrong or has a placeholder."""
    given = {key: value for key, value in adoption.settings.items() if key != "chart"}
    secrets = dict.fromkeys(adoption.secrets.keys() & SECRETS.keys(), "")
    try:
        return load("", {**given, **secrets}, secrets.keys(), secrets_required=False)
    except SettingsError:
        return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
