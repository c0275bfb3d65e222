"""Names and ids of Kubernetes objects: provider/pkg/metadata/naming.go of the official provider."""

import hashlib
import secrets

from sandbox.plugins.await_logic import option
from sandbox.plugins.property_values import Properties, plain
from sandbox.plugins.protocol import Request

OPTION_PREFIX = "pulumi.com/"
"""Prefix of annotations that configure the provider."""


def with_name(metadata: Properties, request: Request) -> Properties:
    """Metadata with an automatic name if it has none. The name stays until the object is replaced."""
    if metadata.get("name"):
        return metadata
    if request.old_inputs:
        name = plain(request.old_inputs)["metadata"]["name"]
        if option(plain(request.old_inputs), "autonamed") != "true":
            return metadata  # the explicit name was removed, so the object is replaced
    else:
        made_of = request.seed or secrets.token_bytes(8)
        name = f"{request.name}-{hashlib.sha256(made_of).hexdigest()[:8]}"
    annotations = {**(metadata.get("annotations") or {}), f"{OPTION_PREFIX}autonamed": "true"}
    return {**metadata, "name": name, "annotations": annotations}


def object_id(live: Properties) -> str:
    """Id of an object: `namespace/name`, or the name alone outside namespaces."""
    metadata = live["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata.get("name"))))


def namespace_and_name(id_: str) -> tuple[str, str]:
    """Namespace, empty if there is none, and name of an object by its id."""
    namespace, _, name = id_.rpartition("/")
    return namespace, name
