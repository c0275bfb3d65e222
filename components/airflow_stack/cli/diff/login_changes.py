"""Effects of changed settings on who may use Airflow. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Effect, PlainSettings, dangerous
from .quoting import code, listed

_LIMITS = {
    "organization": "GitHub organisation",
    "host": "GitHub host",
    "domains": "domains",
    "tenant": "tenant",
    "issuer": "issuer",
    "claim": "claim with the groups",
    "groups": "groups that may enter",
    "clientId": "client ID",
    "defaultRole": "default role",
}


def login_effects(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    """Effects of a changed login."""
    was, then = _login(old), _login(new)
    if was == then:
        return
    if not was:
        yield dangerous("login", f"Users log in by {code(then['provider'])}: passwords no longer open the UI, except that of the admin user at `/auth/local/login/`. Everyone logs in again.")  # fmt: skip
        return
    if not then:
        yield dangerous("login", f"The login by {code(was['provider'])} ends: its users can no longer log in, and stay in the database with their roles.")  # fmt: skip
        return
    if was["provider"] != then["provider"]:
        yield dangerous("login", f"Users log in by {code(then['provider'])} instead of {code(was['provider'])}: everyone becomes a new user, and the users of before stay in the database.")  # fmt: skip
    for key, title in _LIMITS.items():
        if was.get(key) != then.get(key):
            yield Effect("login", f"The {title} of the login {_change(was.get(key), then.get(key))}. It counts from each user's next login on.")  # fmt: skip
    yield from _roles(was.get("roles") or {}, then.get("roles") or {})
    if was.get("sessionHours") != then.get("sessionHours"):
        yield Effect("login", f"A session lasts {then.get('sessionHours')} hours instead of {was.get('sessionHours')}.")


def _login(settings: PlainSettings) -> Mapping[str, Any]:
    return (settings.get("access") or {}).get("login") or {}


def _roles(was: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Effect]:
    for group in sorted(was.keys() | then.keys()):
        before, after = was.get(group), then.get(group)
        if after == "Admin" and before != after:
            yield dangerous("login", f"Members of {code(group)} become admins of Airflow.")
        elif before != after:
            yield Effect(
                "login", f"The role of {code(group)} {_change(before, after)}, from each user's next login on."
            )


def _change(before: Any, after: Any) -> str:  # noqa: ANN401  a value of a setting
    def shown(value: Any) -> str:  # noqa: ANN401
        return listed([code(each) for each in value]) if isinstance(value, list | tuple) and value else code(value)

    if not before:
        return f"is {shown(after)} from now on"
    return f"changes from {shown(before)} to {shown(after)}" if after else f"{shown(before)} is removed"
