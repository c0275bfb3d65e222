"""Effects of a changed address of the UI. Pure."""

from collections.abc import Iterator
from typing import Any

from airflow_stack.settings.models import Ingress
from airflow_stack.settings.web import Web

from .model import Effect, PlainSettings, dangerous
from .quoting import code


def address_effects(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    """Effects on the users of the UI. The objects show everything else that changes."""
    was, then = _address(old), _address(new)
    if then and not then.tls and (not was or was.tls):
        yield dangerous("web", "The UI is served over plain HTTP: passwords are readable on the network.")
    if then and not was:
        yield Effect("web", f"The UI becomes reachable at {code(_short(then))}: its DNS name must point to {_route(then)}.")  # fmt: skip
    if was and not then:
        yield dangerous("web", f"The UI is no longer reachable at {code(_short(was))}, only by a port-forward.")
    if not (was and then):
        return
    if _short(was) != _short(then):
        yield Effect("web", f"The UI moves from {code(_short(was))} to {code(_short(then))}: adapt DNS, certificate and redirect URLs of single sign-on. Old links break.")  # fmt: skip
    elif then.tls and not was.tls:
        yield Effect("web", f"The UI is served over HTTPS, at {code(then.url)}: adapt redirect URLs of single sign-on.")
    if _route(was) != _route(then):
        yield Effect("web", f"The UI is reached by {_route(then)} instead of {_route(was)}: {code(then.host)} must point to the new one.")  # fmt: skip


def _address(settings: PlainSettings) -> Web | None:
    web: Any = settings.get("web") or {}
    if ingress := settings.get("ingress"):
        return Ingress.model_validate(ingress).as_web(None)
    return Web.model_validate(web) if web.get("host") else None


def _short(web: Web) -> str:
    return f"{web.host}{web.path or ''}"


def _route(web: Web) -> str:
    if gateway := web.gateway:
        return f"the Gateway {code('/'.join(filter(None, (gateway.namespace, gateway.name))))}"
    class_name = web.ingress and web.ingress.class_name
    return f"the controller of class {code(class_name)}" if class_name else "the ingress controller"
