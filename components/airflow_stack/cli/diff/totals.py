"""What a stack asks for, summed: requests, limits and volumes, and what they cost where a price list is given.

Of what runs all the time, by its replicas; task pods come and go, so that theirs are told for one pod. Jobs are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from lightkube.utils.quantity import parse_quantity
from pydantic import Field, ValidationError

from airflow_stack.cli.diff.renderings import Side
from airflow_stack.cli.diff.restarts import is_workload, template
from airflow_stack.cli.diff.storage import volumes
from airflow_stack.errors import UserError
from airflow_stack.settings.fields import Model

_GIB = Decimal(2**30)
_Price = Annotated[Decimal, Field(ge=0)]


class Prices(Model):
    """A price list: what one unit costs, in any currency."""

    currency: str = "EUR"
    cpu_hour: _Price
    memory_gib_hour: _Price = Field(alias="memoryGiBHour")
    storage_gib_month: _Price = Field(alias="storageGiBMonth")
    hours_per_month: _Price = Decimal(730)


def read_prices(file: Path) -> Prices:
    """The price list in a YAML file.

    Raises:
        UserError: there is none, or something in it is wrong.
    """
    try:
        return Prices.model_validate(yaml.safe_load(file.read_text()))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise UserError(
            f"the price list {file} cannot be used: {error}\nIt needs cpuHour, memoryGiBHour and storageGiBMonth; "
            "currency and hoursPerMonth may be given"
        ) from None


@dataclass(frozen=True)
class Totals:
    """Sums of one side: CPUs, and bytes."""

    cpu_requests: Decimal = Decimal()
    cpu_limits: Decimal = Decimal()
    memory_requests: Decimal = Decimal()
    memory_limits: Decimal = Decimal()
    volumes: Decimal = Decimal()
    task_cpu: Decimal = Decimal()
    task_memory: Decimal = Decimal()

    def per_month(self, prices: Prices) -> Decimal:
        """What the requests and the volumes cost in a month; task pods are not in it."""
        compute = self.cpu_requests * prices.cpu_hour + self.memory_requests / _GIB * prices.memory_gib_hour
        return compute * prices.hours_per_month + self.volumes / _GIB * prices.storage_gib_month

    def shown(self) -> dict[str, str]:
        """Every sum in words."""
        labels = (
            "CPU requests",
            "CPU limits",
            "Memory requests",
            "Memory limits",
            "Volumes",
            "CPU of a task pod",
            "Memory of a task pod",
        )
        return {
            label: "none" if not value else _number(value) if "CPU" in label else f"{_number(value / _GIB)} GiB"
            for label, value in zip(labels, (getattr(self, f.name) for f in fields(self)), strict=True)
        }


def _number(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')):f}".rstrip("0").rstrip(".") or "0"


def totals(side: Side) -> Totals:
    """The sums of one side."""
    sums = {f"{what}_{kind}": Decimal() for what in ("cpu", "memory") for kind in ("requests", "limits")}
    for key, manifest in side.objects.items():
        if is_workload(key):
            replicas = int(manifest["spec"].get("replicas", 1))
            for name in sums:
                what, _, kind = name.partition("_")
                sums[name] += replicas * _of_pod(template(manifest).get("spec", {}), kind, what)
    task = _task_pod(side)
    return Totals(
        **sums,
        volumes=sum((volume.count * volume.bytes for volume in volumes(side).values()), Decimal()),
        task_cpu=_of_pod(task, "requests", "cpu"),
        task_memory=_of_pod(task, "requests", "memory"),
    )


def _of_pod(spec: Mapping[str, Any], kind: str, what: str) -> Decimal:
    """What a pod takes: its containers together, or more for a moment where one that starts it asks for more."""

    def of(container: Mapping[str, Any]) -> Decimal:
        return parse_quantity(str(((container.get("resources") or {}).get(kind) or {}).get(what, "0"))) or Decimal()

    starting = [of(container) for container in spec.get("initContainers") or []]
    return max([sum((of(container) for container in spec.get("containers") or []), Decimal()), *starting])


def _task_pod(side: Side) -> Mapping[str, Any]:
    text = (side.objects.get("ConfigMap/airflow-config", {}).get("data") or {}).get("pod_template_file.yaml")
    return (yaml.safe_load(text) or {}).get("spec", {}) if text else {}
