"""Placement and extra volumes of every pod as settings. Values that the settings cannot express stay in `airflow:values`, and reach every pod too."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from airflow_stack.inputs.volume_rules import SOURCES, WITH_GIT_SYNC, hides
from airflow_stack.settings.placement import Placement, Volume, VolumeName

from .model import Adoption, ChartValues, Values

_FIELDS = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints")
_READ_ONLY = ("configMap", "secret", "projected")
_NAME: TypeAdapter[str] = TypeAdapter(VolumeName)


def convert_placement(values: ChartValues, adoption: Adoption) -> None:
    """Placement of every pod. A spread without `labelSelector` has no effect in the chart, and stays where it is."""
    for field in _FIELDS:
        value = values.take(field)
        if not value:
            continue
        spread = field == "topologySpreadConstraints" and isinstance(value, list)
        without_selector = spread and not all(isinstance(each, dict) and "labelSelector" in each for each in value)
        if without_selector or not _fits(Placement, {field: value}):
            adoption.set(f"values.{field}", value)
        else:
            adoption.set(f"placement.{field}", value, field)


def convert_volumes(values: ChartValues, adoption: Adoption) -> None:
    """Volumes that have one mount in every pod; the others stay."""
    volumes, mounts = _numbered(values.take("volumes")), _numbered(values.take("volumeMounts"))
    paths = [mount.get("mountPath") for mount in mounts.values() if isinstance(mount, dict)]
    for number, volume in [*volumes.items()]:
        own = [place for place, mount in mounts.items() if _name(volume) and _name(mount) == _name(volume)]
        setting = _setting(volume, mounts[own[0]]) if len(own) == 1 else None
        if setting and paths.count(setting["mountPath"]) == 1:
            adoption.set(f"volumes.{volume['name']}", setting, f"volumes[{number}]", f"volumeMounts[{own[0]}]")
            del volumes[number], mounts[own[0]]
    adoption.set("values.volumes", [*volumes.values()])
    adoption.set("values.volumeMounts", [*mounts.values()])


def _setting(volume: Values, mount: Values) -> Values | None:
    """The setting of a volume with its mount; None if it has none."""
    source = {key: value for key, value in volume.items() if key != "name"}
    setting = {**source, **{key: value for key, value in mount.items() if key != "name"}}
    if not setting.pop("readOnly", False) and source.keys().isdisjoint(_READ_ONLY):
        setting["readOnly"] = False  # as in Kubernetes
    try:
        _NAME.validate_python(volume["name"])
    except ValidationError:
        return None
    fits = len(source.keys() & SOURCES.keys()) == 1 and _fits(Volume, setting)
    taken = fits and (hides(setting["mountPath"]) or setting["mountPath"].startswith(WITH_GIT_SYNC))
    return setting if fits and not taken else None


def _fits(model: type[Placement | Volume], setting: Values) -> bool:
    try:
        model.model_validate(setting)
    except ValidationError:
        return False
    return True


def _name(volume: object) -> str:
    name = volume.get("name") if isinstance(volume, dict) else None
    return name if isinstance(name, str) else ""


def _numbered(value: object) -> dict[int, Any]:
    return dict(enumerate(value)) if isinstance(value, list) else {}
