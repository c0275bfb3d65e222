"""States of a Pulumi stack, as `pulumi stack export` prints them."""

from typing import Any

from airflow_stack.cli.pulumi_state import RELEASE, State, StateResource


def resource(type_: str, name: str, **more: Any) -> StateResource:
    return {"urn": f"urn:pulumi:dev::airflow::{type_}::{name}", "custom": True, "type": type_, "inputs": {}, **more}


def a_secret(**more: Any) -> StateResource:
    metadata = {"name": "airflow-jwt-secret", "namespace": "airflow"}
    inputs = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"encrypted": "v1:abc"}}
    return resource("kubernetes:core/v1:Secret", "airflow-jwt-secret", **{"inputs": inputs, **more})


def a_release(**more: Any) -> StateResource:
    return resource(
        RELEASE, "airflow-release", inputs={"name": "airflow", "namespace": "airflow", "timeout": 60}, **more
    )


def a_state(*known: StateResource, **pending: StateResource) -> State:
    noted = [{"type": type_, "resource": each} for type_, each in pending.items()]
    return {"version": 3, "deployment": {"resources": list(known), "pending_operations": noted}}
