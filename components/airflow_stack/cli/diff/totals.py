"""Sums of requests, limits and volumes, and their price.

The sums cover everything that runs permanently, by its replicas. Task pods come and go, so their request is that of one pod. Jobs are left
out.
"""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from airflow_stack.cli import given_yaml
from airflow_stack.errors import UserError
from airflow_stack.settings.fields import Model
from airflow_stack.settings.kubernetes_rules import quantity

from .model import RenderedStack, Totals
from .restarts import is_workload, pod_template
from .storage import volumes

_GIB = Decimal(2**30)
_Price = Annotated[Decimal, Field(ge=0)]
_LABELS = (
    "CPU requests",
    "CPU limits",
    "Memory requests",
    "Memory limits",
    "Volumes",
    "CPU of a task pod",
    "Memory of a task pod",
)


class Prices(Model):
    """A price list, in any currency."""

    currency: str = "EUR"
    cpu_hour: _Price
    memory_gib_hour: _Price = Field(alias="memoryGiBHour")
    storage_gib_month: _Price = Field(alias="storageGiBMonth")
    hours_per_month: _Price = Decimal(730)


def read_prices(file: Path) -> Prices:
    """The price list in a YAML file.

    Raises:
        UserError: the file is not readable or wrong.
    """
    try:
        return Prices.model_validate(given_yaml.document(file))
    except (UserError, ValidationError) as error:
        raise UserError(
            f"the price list {file} is not usable: {error}\nIt needs cpuHour, memoryGiBHour and storageGiBMonth; "
            "currency and hoursPerMonth are optional"
        ) from None


def price_per_month(totals: Totals, prices: Prices) -> Decimal:
    """Price of the requests and the volumes in a month, without task pods."""
    compute = totals.cpu_requests * prices.cpu_hour + totals.memory_requests / _GIB * prices.memory_gib_hour
    return compute * prices.hours_per_month + totals.volumes / _GIB * prices.storage_gib_month


def labelled(totals: Totals) -> dict[str, str]:
    """Every sum as text, by its label."""
    return {
        label: "none" if not value else _number(value) if "CPU" in label else f"{_number(value / _GIB)} GiB"
        for label, value in zip(_LABELS, (getattr(totals, field.name) for field in fields(totals)), strict=True)
    }


def _number(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')):f}".rstrip("0").rstrip(".") or "0"


def totals_of(rendered: RenderedStack) -> Totals:
    """The sums of a rendering."""
    sums = {f"{resource}_{kind}": Decimal() for resource in ("cpu", "memory") for kind in ("requests", "limits")}
    for key, manifest in rendered.objects.items():
        if is_workload(key):
            replicas = int(manifest["spec"].get("replicas", 1))
            for name in sums:
                resource, _, kind = name.partition("_")
                sums[name] += replicas * _of_pod(pod_template(manifest).get("spec", {}), kind, resource)
    task = _task_pod(rendered)
    return Totals(
        **sums,
        volumes=sum((volume.count * volume.bytes for volume in volumes(rendered).values()), Decimal()),
        task_cpu=_of_pod(task, "requests", "cpu"),
        task_memory=_of_pod(task, "requests", "memory"),
    )


def _of_pod(spec: Mapping[str, Any], kind: str, resource: str) -> Decimal:
    """Sum of a pod's containers, or the largest init container if that is more."""

    def of(container: Mapping[str, Any]) -> Decimal:
        quantities = (container.get("resources") or {}).get(kind) or {}
        return quantity(str(quantities.get(resource, "0"))) or Decimal()

    init = [of(container) for container in spec.get("initContainers") or []]
    return max([sum((of(container) for container in spec.get("containers") or []), Decimal()), *init])


def _task_pod(rendered: RenderedStack) -> Mapping[str, Any]:
    text = (rendered.objects.get("ConfigMap/airflow-config", {}).get("data") or {}).get("pod_template_file.yaml")
    return (yaml.safe_load(text) or {}).get("spec", {}) if text else {}
