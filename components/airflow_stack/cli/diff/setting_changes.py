"""What changed settings mean for data, people and running tasks: the part of the blast radius that no manifest tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from airflow_stack.cli.diff.model import Finding, dangerous
from airflow_stack.cli.diff.ownership import existing, finding
from airflow_stack.cli.diff.quoting import code, listed
from airflow_stack.cli.diff.renderings import Side
from airflow_stack.credentials import CREDENTIALS, FERNET_KEY, Consequence

Settings = Mapping[str, Any]

SENTENCES = {"web.title": "The title of the UI changes from {before} to {after}."}
"""Sentence for a changed setting, by its path; `{before}` and `{after}` are its values."""
IN_OBJECTS = (
    "size components chart.repository chart.path chart.timeoutSeconds database.inCluster database.cloudNativePg database.external.port "
    "images.registry images.pullSecrets images.airflow.repository images.airflow.digest images.gitSync images.statsd images.redis images.postgres "
    "labels quota serviceAccountAnnotations environment environmentFrom values ingress.className ingress.annotations ingress.controllerNamespace "
    "logs.volume.size logs.volume.storageClass logs.volume.accessMode logs.remote.connection admin.email admin.firstName admin.lastName "
    "dags.depth dags.username dags.knownHosts dags.githubApp dags.gitHost dags.registerDeployKey dags.authentication"
).split()
"""Settings, each with those below it, whose change the comparison of objects shows in full."""


def meaning(before: Side, after: Side) -> Iterator[Finding]:
    """The findings that follow from the settings."""
    old, new = before.settings, after.settings
    rules = (_namespace, existing, _versions, _database, _executor, _rotation, _dags, _ingress, _users, _logs)
    for rule in (*rules, _protection, _sentences):
        yield from rule(old, new)
    for secret in sorted(after.renewed):
        yield Finding("secret", f"The secret {code(f'airflow:{secret}')} was encrypted anew, so it may be another one.")


def _sentences(old: Settings, new: Settings) -> Iterator[Finding]:
    for path, sentence in SENTENCES.items():
        before, after = (_value_at(settings, path) for settings in (old, new))
        if before != after:
            yield Finding(path, sentence.format(before=code(before), after=code(after)))


def _value_at(settings: Settings, path: str) -> object:
    found: object = settings
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def database(settings: Settings) -> str:
    """Which database a stack uses, in a word, by its address, or by the Secret that has it."""
    if secret := (settings.get("existingSecrets") or {}).get("metadataConnection"):
        return f"Secret {secret}"
    chosen = settings.get("database") or {}
    if external := chosen.get("external"):
        return f"{external['host']}:{external['port']}/{external['name']}"
    return "cloudNativePg" if chosen.get("cloudNativePg") else "inCluster"


def _namespace(old: Settings, new: Settings) -> Iterator[Finding]:
    if old["namespace"] == new["namespace"]:
        return
    lost = (
        []
        if (old.get("database") or {}).get("external")
        else [f"the database ({code(database(old))}) with all history"]
    )
    lost += ["the volume of the task logs"] if (old.get("logs") or {}).get("volume") else []
    data = (
        f"Lost with it: {listed(lost)}."
        if lost
        else "No data is kept in it: the database and the logs stay where they are."
    )
    text = f"Everything is deleted in the namespace {code(old['namespace'])} and made anew in {code(new['namespace'])}."
    yield dangerous("namespace", f"{text} {data} Airflow is away meanwhile, and tasks that run are killed.")
    if old.get("protect"):
        yield dangerous(
            "protected", "The namespace and the release are protected: `pulumi up` stops before it deletes them."
        )


def _versions(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = _chart(old), _chart(new)
    if was != then:
        given = (new.get("chart") or {}).get("path")
        hidden = (
            " Both sides were rendered with the chart that was given, so what the new one changes is not shown."
            if given
            else ""
        )
        yield Finding("chart", f"The chart changes from {code(was)} to {code(then)}.{hidden}")
    older, newer = _airflow(old), _airflow(new)
    if older < newer:
        text = f"Airflow goes from {code(_dotted(older))} to {code(_dotted(newer))}: the database is migrated before the pods change"
        if older[:2] == newer[:2]:
            yield Finding("migration", f"{text}.")
        else:
            yield dangerous("migration", f"{text}, and there is no way back but a backup. Take one first.")
    if older > newer:
        text = (
            f"Airflow goes back from {code(_dotted(older))} to {code(_dotted(newer))}, and a migration does not go back"
        )
        yield dangerous("downgrade", f"{text}: run `airflow db downgrade` with the newer version first.")


def _chart(settings: Settings) -> str:
    return str((settings.get("chart") or {}).get("version", ""))


def _airflow(settings: Settings) -> tuple[int, ...]:
    image = (settings.get("images") or {}).get("airflow") or {}
    version = image.get("version") or str(image.get("tag", "0")).split("-")[0]
    return tuple(int(number) for number in version.split(".") if number.isdigit())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _database(old: Settings, new: Settings) -> Iterator[Finding]:
    if database(old) != database(new):
        yield dangerous(
            "database moves",
            f"The metadata database moves from {code(database(old))} to {code(database(new))}: history, connections, variables and "
            "users stay behind. Copy the database first, while Airflow is stopped.",
        )
        return
    was, then = ((settings.get("database") or {}).get("external") or {} for settings in (old, new))
    for key in ("user", "sslMode"):
        if was.get(key) != then.get(key):
            yield Finding(
                "database", f"The database is reached with {key} {code(then.get(key))} instead of {code(was.get(key))}."
            )


_LEFT = {
    "KubernetesExecutor": "task pods that run are no longer watched",
    "LocalExecutor": "tasks that run end with the scheduler's pod",
    "CeleryExecutor": "workers and broker are deleted, and tasks that run get the workers' grace period to end",
}


def _executor(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old["executor"], new["executor"]
    if was != then:
        yield dangerous(
            "executor",
            f"Tasks move from the {code(was)} to the {code(then)}: {_LEFT[was]}; queued and running ones are not taken over but start "
            "again from their beginning. Pause the DAGs and let runs end first.",
        )


_ROTATED = {to_camel(each.rotation): each.rotated for each in CREDENTIALS if each.rotation} | {
    "gitSshKeyDropped": Consequence(
        "An older deploy key is dropped: the next one is used, and must be in the DAG repository by now."
    )
}


def _rotation(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("rotation") or {}, new.get("rotation") or {}
    for key in sorted((was.keys() & then.keys()) - {"fernetGiven"}):
        steps = then[key] - was[key]
        if steps < 0:
            yield dangerous("secret", f"{code(f'rotation.{key}')} goes back from {was[key]} to {then[key]}: the newer generation is deleted, and what it made is worth nothing.")  # fmt: skip
        elif key == FERNET_KEY.rotation and steps > 1:
            yield dangerous("secret", f"The Fernet key skips from generation {was[key]} to {then[key]}: only the newest two are kept, so stored connections and variables become unreadable. Go one by one.")  # fmt: skip
        elif steps:
            yield finding(_ROTATED[key])


def _dags(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("dags") or {}, new.get("dags") or {}
    if "delivery" in was and was["delivery"] != then.get("delivery"):
        yield Finding(
            "dags", f"The DAGs are delivered by {code(then.get('delivery'))} instead of {code(was['delivery'])}."
        )
    if then.get("delivery") == "image":
        return  # what else is set about repositories has no effect
    if was.get("repository") and was["repository"] != then.get("repository"):
        yield dangerous("dags", f"The DAGs come from {code(then.get('repository'))} instead of {code(was['repository'])}: DAGs that are only in the old repository leave the list, and their runs with them from view.")  # fmt: skip
    if _ref(was) != _ref(then):
        yield Finding(
            "dags", f"The DAGs follow {_ref(then)} instead of {_ref(was)}; those that are not in it leave the list."
        )
    if was.get("path") != then.get("path"):
        yield Finding("dags", f"The DAGs' folder changes from {code(was.get('path'))} to {code(then.get('path'))}.")
    seconds = [dags.get("visibleWithinSeconds") for dags in (was, then)]
    if seconds[0] != seconds[1]:
        yield Finding(
            "dags",
            f"A push is visible within {seconds[1]} s instead of {seconds[0]} s, and the git host is asked accordingly.",
        )
    more, now = was.get("moreRepositories") or {}, then.get("moreRepositories") or {}
    for name in sorted(more.keys() | now.keys()):
        if name not in more:
            yield Finding(
                "dags", f"DAGs come from {code(name)} too, {_ref(now[name])} of {code(now[name].get('repository'))}."
            )
        elif name not in now:
            yield dangerous(
                "dags",
                f"DAGs come no longer from {code(name)}: they leave the list, and their runs with them from view.",
            )
        elif more[name] != now[name]:
            yield Finding(
                "dags",
                f"The DAGs of {code(name)} follow {_ref(now[name])} of {code(now[name].get('repository'))} from here on.",
            )


def _ref(dags: Mapping[str, Any]) -> str:
    kind = next((kind for kind in ("tag", "commit", "branch") if dags.get(kind)), "")
    return f"{kind or 'branch'} {code(dags.get(kind) or 'main')}"


def _ingress(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("ingress"), new.get("ingress")
    if then and not was:
        yield Finding("ingress", f"The UI opens to the outside at {code(then['host'])}: DNS must lead there.")
    if was and not then:
        yield dangerous("ingress", f"The UI is no longer reached at {code(was['host'])}, only by a port-forward.")
    if was and then:
        if was["host"] != then["host"]:
            yield Finding("ingress", f"The UI moves from {code(was['host'])} to {code(then['host'])}: DNS, certificate and the redirect addresses of single sign-on must follow, and old links break.")  # fmt: skip
        if was.get("tlsSecret") and not then.get("tlsSecret"):
            yield dangerous("ingress", "The UI is served by plain HTTP: passwords travel in the open.")


def _users(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("admin") or {}, new.get("admin") or {}
    if then.get("create") and not was.get("create"):
        yield Finding(
            "admin", f"The admin user {code(then.get('username'))} is created, or gets the generated password."
        )
    if was.get("create") and not then.get("create"):
        yield Finding("admin", f"The program no longer looks after the admin user; {code(was.get('username'))} stays in the database, with its password.")  # fmt: skip
    elif was.get("create") and was.get("username") != then.get("username"):
        yield Finding(
            "admin", f"A second admin user {code(then.get('username'))} is made; {code(was.get('username'))} stays."
        )


def _logs(old: Settings, new: Settings) -> Iterator[Finding]:
    was, then = old.get("logs") or {}, new.get("logs") or {}
    places = [_place(logs) for logs in (was, then)]
    if places[0] != places[1]:
        yield Finding(
            "logs",
            f"Task logs go to {places[1]} instead of {places[0]}; older ones are not moved, and the UI no longer finds them.",
        )


def _place(logs: Mapping[str, Any]) -> str:
    if remote := logs.get("remote"):
        return code(remote["folder"])
    return "the log volume" if logs.get("volume") else "the pods alone"


def _protection(old: Settings, new: Settings) -> Iterator[Finding]:
    if old.get("protect") and not new.get("protect"):
        yield Finding(
            "protect",
            "Nothing is protected any more: a destroy may delete the Fernet key, the database and the namespace.",
        )
    if new.get("protect") and not old.get("protect"):
        yield Finding("protect", "Fernet key, namespace, release, database and log volume are protected from deletion.")
