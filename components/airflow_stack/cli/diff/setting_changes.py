"""Effects of changed settings on data, users and running tasks, which no manifest shows. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from airflow_stack.credentials import CREDENTIALS, FERNET_KEY, Consequence

from .address_changes import address_effects
from .login_changes import login_effects
from .lost_protection import protection_effects
from .model import Effect, PlainSettings, RenderedStack, dangerous
from .ownership import credential_effect, ownership_effects
from .quoting import code, listed
from .security_changes import security_effects

SENTENCES = {"web.title": "The title of the UI changes from {before} to {after}."}
"""Sentence for a changed setting, by its path; `{before}` and `{after}` are its values."""
IN_OBJECTS = (
    "tier size components chart.repository chart.path chart.timeoutSeconds database.inCluster database.cloudNativePg database.external.port "
    "placement volumes database.external.caBundle "
    "images.registry images.pullSecrets images.airflow.repository images.airflow.digest images.gitSync images.statsd images.redis images.postgres "
    "labels quota serviceAccountAnnotations environment environmentFrom values ingress.className ingress.annotations ingress.controllerNamespace "
    "web.gateway web.ingress web.tls web.externalDns "
    "logs.volume.size logs.volume.storageClass logs.volume.accessMode logs.remote.connection admin.email admin.firstName admin.lastName "
    "dags.depth dags.username dags.knownHosts dags.githubApp dags.gitHost dags.registerDeployKey dags.authentication"
).split()
"""Settings, each with those below it, whose change the comparison of objects shows in full."""


def setting_effects(before: RenderedStack, after: RenderedStack) -> Iterator[Effect]:
    """Effects of the changed settings."""
    old, new = before.settings, after.settings
    rules = (
        _namespace,
        ownership_effects,
        _versions,
        _database,
        _executor,
        _rotation,
        _dags,
        address_effects,
        _users,
        login_effects,
        _logs,
    )
    for rule in (*rules, security_effects, protection_effects, _sentences):
        yield from rule(old, new)
    for secret in sorted(after.reencrypted):
        yield Effect("secret", f"The encrypted text of {code(f'airflow:{secret}')} changes, so the secret may be another one.")  # fmt: skip


def _sentences(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    for path, sentence in SENTENCES.items():
        before, after = (_value_at(settings, path) for settings in (old, new))
        if before != after:
            yield Effect(path, sentence.format(before=code(before), after=code(after)))


def _value_at(settings: PlainSettings, path: str) -> object:
    found: object = settings
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def database_address(settings: PlainSettings) -> str:
    """The metadata database: the Secret with its address, its address, or its kind."""
    if secret := (settings.get("existingSecrets") or {}).get("metadataConnection"):
        return f"Secret {secret}"
    database = settings.get("database") or {}
    if external := database.get("external"):
        return f"{external['host']}:{external['port']}/{external['name']}"
    return "cloudNativePg" if database.get("cloudNativePg") else "inCluster"


def _namespace(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    if old["namespace"] == new["namespace"]:
        return
    lost = []
    if not (old.get("database") or {}).get("external"):
        lost.append(f"the database ({code(database_address(old))}) with all history")
    if (old.get("logs") or {}).get("volume"):
        lost.append("the volume of the task logs")
    data = f"Lost with it: {listed(lost)}." if lost else "It holds no data: database and logs stay where they are."
    text = f"Everything is deleted in the namespace {code(old['namespace'])} and recreated in {code(new['namespace'])}."
    yield dangerous("namespace", f"{text} {data} Airflow is down meanwhile, and running tasks are killed.")
    if old.get("protect"):
        yield dangerous("protected", "The namespace and the release are protected: `pulumi up` stops before it deletes them.")  # fmt: skip


def _versions(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = _chart(old), _chart(new)
    if was != then:
        local = (new.get("chart") or {}).get("path")
        hidden = " Both sides were rendered with the given chart, so the changes of the new one are not shown." if local else ""  # fmt: skip
        yield Effect("chart", f"The chart changes from {code(was)} to {code(then)}.{hidden}")
    older, newer = _airflow(old), _airflow(new)
    versions = f"from {code(_dotted(older))} to {code(_dotted(newer))}"
    if older != newer and not (older and newer):
        yield dangerous("migration", f"Airflow's version in one of the images is not known ({versions}): it may be an upgrade or a downgrade.")  # fmt: skip
        return
    if older < newer:
        text = f"Airflow is upgraded {versions}: the database is migrated before the pods change"
        if older[:2] == newer[:2]:
            yield Effect("migration", f"{text}.")
        else:
            yield dangerous("migration", f"{text}. Only a backup leads back. Take one first.")
    if older > newer:
        yield dangerous("downgrade", f"Airflow is downgraded {versions}, without the database: run `airflow db downgrade` with the newer version first.")  # fmt: skip


def _chart(settings: PlainSettings) -> str:
    return str((settings.get("chart") or {}).get("version", ""))


def _airflow(settings: PlainSettings) -> tuple[int, ...]:
    image = (settings.get("images") or {}).get("airflow") or {}
    version = image.get("version") or str(image.get("tag", "0")).split("-")[0]
    return tuple(int(number) for number in version.split(".") if number.isdigit())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "an unknown version"


def _database(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    before, after = database_address(old), database_address(new)
    if before != after:
        yield dangerous("database moves", f"The metadata database moves from {code(before)} to {code(after)}: history, connections, variables and users are not copied. Copy the database first, while Airflow is stopped.")  # fmt: skip
        return
    was, then = ((settings.get("database") or {}).get("external") or {} for settings in (old, new))
    if was.get("user") != then.get("user"):
        text = f"The connection to the database has user {code(then.get('user'))} instead of {code(was.get('user'))}."
        yield Effect("database", text)


_OLD_EXECUTOR = {
    "KubernetesExecutor": "running task pods are no longer watched",
    "LocalExecutor": "running tasks end with the scheduler's pod",
    "CeleryExecutor": "workers and broker are deleted, and running tasks have the workers' grace period to finish",
}


def _executor(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = old["executor"], new["executor"]
    if was != then:
        yield dangerous("executor", f"Tasks move from the {code(was)} to the {code(then)}: {_OLD_EXECUTOR.get(was, 'running tasks may be lost')}. Queued and running tasks start again from the beginning. Pause the DAGs and let runs finish first.")  # fmt: skip


_ROTATED = {to_camel(each.rotation): each.rotated for each in CREDENTIALS if each.rotation} | {
    "gitSshKeyDropped": Consequence(
        "The oldest deploy key is dropped and the next one is used: it must be in the DAG repository already."
    )
}


def _rotation(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = old.get("rotation") or {}, new.get("rotation") or {}
    for key in sorted((was.keys() & then.keys()) - {"fernetGiven"}):
        steps = then[key] - was[key]
        if steps < 0:
            yield dangerous("secret", f"{code(f'rotation.{key}')} goes back from {was[key]} to {then[key]}: the newer generation is deleted, and everything that needs it fails.")  # fmt: skip
        elif key == FERNET_KEY.rotation and steps > 1:
            yield dangerous("secret", f"The Fernet key skips from generation {was[key]} to {then[key]}: only the newest two are kept, so stored connections and variables become unreadable. Raise it one by one.")  # fmt: skip
        elif steps:
            yield credential_effect(_ROTATED[key])


def _dags(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = old.get("dags") or {}, new.get("dags") or {}
    if "delivery" in was and was["delivery"] != then.get("delivery"):
        text = f"The delivery of DAGs changes from {code(was['delivery'])} to {code(then.get('delivery'))}."
        yield Effect("dags", text)
    if then.get("delivery") == "image":
        return  # settings of repositories have no effect
    if was.get("repository") and was["repository"] != then.get("repository"):
        yield dangerous("dags", f"The DAGs come from {code(then.get('repository'))} instead of {code(was['repository'])}: DAGs that are only in the old repository disappear from the UI, with their runs.")  # fmt: skip
    if _ref(was) != _ref(then):
        text = f"The DAGs follow {_ref(then)} instead of {_ref(was)}; DAGs that are not in it disappear from the UI."
        yield Effect("dags", text)
    if was.get("path") != then.get("path"):
        yield Effect("dags", f"The DAG folder changes from {code(was.get('path'))} to {code(then.get('path'))}.")
    before, after = (dags.get("visibleWithinSeconds") for dags in (was, then))
    if before != after:
        yield Effect("dags", f"A push is visible within {after} s instead of {before} s; the git host is polled accordingly.")  # fmt: skip
    yield from _more_repositories(was.get("moreRepositories") or {}, then.get("moreRepositories") or {})


def _more_repositories(was: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Effect]:
    for name in sorted(was.keys() | then.keys()):
        if name not in then:
            yield dangerous("dags", f"DAGs no longer come from {code(name)}: they disappear from the UI, with their runs.")  # fmt: skip
        elif was.get(name) != then[name]:
            ref = f"{_ref(then[name])} of {code(then[name].get('repository'))}"
            more = f"DAGs also come from {code(name)}, {ref}." if name not in was else ""
            yield Effect("dags", more or f"The DAGs of {code(name)} follow {ref} from now on.")


def _ref(dags: Mapping[str, Any]) -> str:
    kind = next((kind for kind in ("tag", "commit", "branch") if dags.get(kind)), "")
    return f"{kind or 'branch'} {code(dags.get(kind) or 'main')}"


def _users(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    was, then = old.get("admin") or {}, new.get("admin") or {}
    before, after = code(was.get("username")), code(then.get("username"))
    if then.get("create") and not was.get("create"):
        yield Effect("admin", f"The admin user {after} is created, or gets the generated password.")
    if was.get("create") and not then.get("create"):
        text = f"The program no longer manages the admin user; {before} stays in the database, with its password."
        yield Effect("admin", text)
    elif was.get("create") and was.get("username") != then.get("username"):
        yield Effect("admin", f"A second admin user {after} is created; {before} stays.")


def _logs(old: PlainSettings, new: PlainSettings) -> Iterator[Effect]:
    before, after = (_log_store(settings.get("logs") or {}) for settings in (old, new))
    if before != after:
        yield Effect("logs", f"Task logs go to {after} instead of {before}; existing logs are not moved, and the UI no longer finds them.")  # fmt: skip


def _log_store(logs: Mapping[str, Any]) -> str:
    if remote := logs.get("remote"):
        return code(remote["folder"])
    return "the log volume" if logs.get("volume") else "the pods only"
