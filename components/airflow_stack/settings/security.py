"""Settings of what DAG code may reach. `inputs/security_rules.py` has what must hold between them."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

from airflow_stack.choices import TaskIsolation

from .fields import Model, Name, ObjectName


def _is_a_network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("must be a network such as 10.20.0.0/16, without bits of a host") from None
    return value


Network = Annotated[str, AfterValidator(_is_a_network)]


class PodOverride(Model):
    """Objects of Airflow's namespace that a DAG's `pod_override` may use, with the KubernetesExecutor. All others are refused."""

    secrets: tuple[ObjectName, ...] = ()
    """Names of Secrets, for volumes and environment variables."""
    claims: tuple[ObjectName, ...] = ()
    """Names of PersistentVolumeClaims."""
    service_accounts: tuple[ObjectName, ...] = ()
    """Names of service accounts, such as one with another cloud identity."""


class Security(Model):
    """Limits of DAG code (docs/guides/trust.md)."""

    tasks: TaskIsolation = TaskIsolation.ISOLATED
    """Separation of tasks from the credentials of Airflow. The LocalExecutor runs tasks in the scheduler's pod, where nothing separates them."""
    pod_namespaces: tuple[Name, ...] = ()
    """Existing namespaces in which tasks may create pods, for the KubernetesPodOperator: each gets a Role. Not Airflow's own: a pod there can mount each Secret."""
    pod_override: PodOverride = PodOverride()
    """Exceptions for `pod_override`."""
    cloud_metadata: bool = False
    """Access of DAG code to the cloud's metadata endpoint, such as 169.254.169.254. GKE's workload identity needs it."""
    task_egress: tuple[Network, ...] = ()
    """Networks that tasks may reach, besides Airflow and DNS: CIDR such as `10.20.0.0/16`, the git host's among them. Left out: all, except the metadata endpoint."""
