"""Manifests without secrets, in a stable order. Pure."""

from collections.abc import Iterable
from typing import Any

SECRET = "[secret]"  # noqa: S105  shown instead of a secret value


def shown_manifests(manifests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The manifests with `[secret]` for each value of a Secret: the namespace first, the others by kind and name."""
    return sorted(map(_without_secrets, manifests), key=_order)


def _without_secrets(manifest: dict[str, Any]) -> dict[str, Any]:
    parts = [part for part in ("stringData", "data") if manifest["kind"] == "Secret" and manifest.get(part)]
    return {**manifest, **{part: dict.fromkeys(manifest[part], SECRET) for part in parts}}


def _order(manifest: dict[str, Any]) -> tuple[bool, str, str]:
    return manifest["kind"] != "Namespace", manifest["kind"], manifest["metadata"]["name"]
