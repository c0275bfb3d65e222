"""Effects of settings that protect: deletion, host keys, encrypted connections. Weaker protection is dangerous. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.choices import SslMode

from .model import Effect, PlainSettings, dangerous
from .quoting import code

_SSL_MODES = [mode.value for mode in SslMode]  # the weakest first


def protection_effects(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    """Effects on the protection of data and connections."""
    for rule in (_deletion, _database_connection, _repositories):
        yield from rule(old, new)


def _deletion(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    if old.get("protect") and not new.get("protect"):
        yield dangerous("protect", "Nothing is protected any more: a destroy may delete the Fernet key, the database and the namespace.")  # fmt: skip
    if new.get("protect") and not old.get("protect"):
        yield Effect("protect", "Fernet key, namespace, release, database and log volume are protected from deletion.")


def _database_connection(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = (((settings.get("database") or {}).get("external") or {}).get("sslMode") for settings in (old, new))
    if was != then and was in _SSL_MODES and then in _SSL_MODES:
        text = f"The connection to the database has sslMode {code(then)} instead of {code(was)}"
        if _SSL_MODES.index(then) < _SSL_MODES.index(was):
            yield dangerous("database", f"{text}: less of it is encrypted or verified.")
        else:
            yield Effect("database", f"{text}.")


def _repositories(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = old.get("dags") or {}, new.get("dags") or {}
    if then.get("delivery") == "image":
        return
    for name, repository in _by_name(then).items():
        if _is_plain(repository) and not _is_plain(_by_name(was).get(name, "")):
            yield dangerous("dags", f"DAGs come over an unencrypted connection, from {code(repository)}: anyone on the path can replace them, and read a token.")  # fmt: skip
    before, after = (set(str(dags.get("knownHosts") or "").splitlines()) for dags in (was, then))
    if added := sorted(after - before - {""}):
        hosts = code(", ".join(dict.fromkeys(line.split(" ")[0] for line in added)))
        yield dangerous("host keys", f"More host keys are trusted for {hosts}: compare them with the keys that the host publishes.")  # fmt: skip


def _by_name(dags: Mapping[str, Any]) -> dict[str, str]:
    more = {name: each.get("repository") for name, each in (dags.get("moreRepositories") or {}).items()}
    return {name: str(url) for name, url in {"": dags.get("repository"), **more}.items() if url}


def _is_plain(repository: str) -> bool:
    return repository.strip().lower().startswith(("http://", "git://"))
