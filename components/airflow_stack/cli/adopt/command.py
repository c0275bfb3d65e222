"""The command `airflow-stack adopt`. Its exit status: 0 safe to go on by the steps, 2 written but not safe yet, 1 an error."""

import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from airflow_stack.cli.adopt.model import Given, merged, plain
from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError

if TYPE_CHECKING:
    from airflow_stack.cli.adopt.model import Adoption, Live

_NOT_SAFE = 2
_MOST_BYTES = 2**20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def adopt(
    release: Annotated[str, typer.Option("--release", help="Release that was installed by `helm install`.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "airflow",
    values: Annotated[
        Path | None, typer.Option("--values", exists=True, dir_okay=False, help="Values file, without a cluster.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Stack file to write, Pulumi.<stack>.yaml; left out: printed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    chart: Annotated[
        Path | None, typer.Option("--chart", envvar="AIRFLOW_CHART", help="Local Airflow chart, packed or a folder.")
    ] = None,
    context: Annotated[str | None, typer.Option("--context", help="Context in the kubeconfig.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--with",
            exists=True,
            dir_okay=False,
            help="Stack file of yours whose settings win, such as one written before.",
        ),
    ] = None,
    let_go: Annotated[
        bool, typer.Option("--let-go", help="What managed the release until now, such as Flux, was stopped.")
    ] = False,
    value: Annotated[
        str, typer.Option("--value", metavar="PATH", help="Print one value of the file, for a pipe alone.")
    ] = "",
) -> None:
    """Turn an Airflow that was installed by Helm, or a values file, into the settings of a stack, and say step by step how to take it over."""
    if bool(release) == bool(values):
        raise UserError(
            "give either --release and --namespace, for an Airflow that runs, or --values, for a values file"
        )
    if output and not re.fullmatch(r"Pulumi\.[\w.-]+\.yaml", output.name):
        raise UserError(f"--output {output}: is not the name of a stack file, Pulumi.<stack>.yaml")
    stack = output.name.removeprefix("Pulumi.").removesuffix(".yaml") if output else "<stack>"
    for file in [output, *([_import_file(output, stack)] if release else [])] if output and not force else []:
        if file.exists():
            raise UserError(f"{file} exists already; --force writes over it")
    from airflow_stack.cli.adopt.installed_release import read

    if values:
        given = _read(values)
        if value:
            _print_value(given, value)
            return
        safe = _values(given, values, _own(settings), output, stack)
    else:
        found = read(release, namespace, context, os.environ)
        own = {**({"chart": {"path": str(chart)}} if chart else {}), **_own(settings)}
        safe = _release(found, own, output, stack, let_go=let_go)
    if not safe:
        raise typer.Exit(_NOT_SAFE)


def _values(given: dict[str, Any], file: Path, own: dict[str, Any], output: Path | None, stack: str) -> bool:
    from airflow_stack.cli.adopt import community_chart, official_chart, render, takeover_steps

    adoption = community_chart.adopt(given) if community_chart.is_community(given) else official_chart.adopt(given)
    adoption.settings = merged(adoption.settings, own)
    source = f"--values {file.name}"
    _write(render.stack_file(adoption.settings, source), output)
    stops = [*adoption.stops, *render.to_correct(adoption)]
    _say(render.told("Not taken over as it was, or to know", adoption.advice))
    _say(render.told("To be put right before `pulumi up`", stops))
    todo = [
        ("make the stack", f"pulumi stack init {stack}"),
        *takeover_steps.set_secrets(adoption.secrets, f"--values {file}", stack),
    ]
    _say(
        "Next:\n"
        + render.steps(
            [*todo, ("look at it", f"airflow-stack check --stack {stack} && pulumi preview --stack {stack}")]
        )
    )
    return not stops


def _release(found: "Live", own: dict[str, Any], output: Path | None, stack: str, *, let_go: bool) -> bool:
    from airflow_stack.cli.adopt import community_chart, inline_secrets, official_chart, render

    release, namespace = found.release, found.namespace
    if community_chart.is_community(found.values):
        raise UserError(
            f"release {release!r} is of the community chart, whose objects have other names and labels: it cannot be adopted in place. "
            f"`helm get values {release} --namespace {namespace} > values.yaml` and `airflow-stack adopt --values values.yaml` turn its values into a stack"
        )
    chart = str(own.get("chart", {}).get("path", ""))
    if named := inline_secrets.replacements(found):
        raise UserError(
            "the release's values hold secrets in plain text, which the import would copy into the state. Let Helm name their Secrets instead, then "
            f"adopt again; the pods roll once, and no key changes:\n\n{inline_secrets.keep(found, named)}{inline_secrets.upgrade(found, named, chart)}\n"
        )
    adoption = official_chart.adopt(found.values, found)
    official_chart.check_release(found, adoption, let_go=let_go)
    adoption.settings = merged(adoption.settings, own)
    source = f"--release {release} --namespace {namespace}"
    _write(render.stack_file(adoption.settings, source), output)
    problems = render.to_correct(adoption)
    _say(
        f"Release {release} in namespace {namespace}: chart {found.chart_version}, Airflow {found.airflow_version}, revision {found.revision}\n"
    )
    _say(render.told("Not taken over as it was, or to know", adoption.advice))
    todo = [] if problems or adoption.stops else _steps(found, adoption, output, stack)
    stops = [*adoption.stops, *problems]
    _say(render.told("NOT SAFE YET. To be put right first", stops))
    if not stops:
        _say("Steps, in this order:\n" + render.steps(todo))
        _say(
            "The preview is to show the Release updated, a few resources created, and nothing replaced or deleted. If it does not: "
            f"`pulumi stack rm --force {stack}` forgets the stack and touches nothing in the cluster."
        )
    return not stops


def _steps(found: "Live", adoption: "Adoption", output: Path | None, stack: str) -> list[tuple[str, str]]:
    from airflow_stack.cli.adopt import render, takeover_steps
    from airflow_stack.cli.adopt.first_update import compare
    from airflow_stack.cli.helm import helm_template
    from airflow_stack.cli.manifests import record_stack
    from airflow_stack.inputs.validation import load

    settings = load(stack, adoption.settings, set(), secrets_required=False)
    recording = record_stack(settings, stack)
    inputs = recording.only("kubernetes:helm.sh/v3:Release").inputs
    changes = compare(found.manifest, helm_template(settings.chart, inputs["name"], found.namespace, inputs["values"]))
    adoption.stops += [f"{refused}; keep the old value in airflow:values" for refused in changes.refused]
    _say(render.first_up(changes, takeover_steps.kept(found, adoption)))
    file = _import_file(output, stack)
    text = json.dumps(takeover_steps.import_file(recording, found), indent=2) + "\n"
    make = f"pulumi stack init {stack}"
    if output:
        file.write_text(text)
    else:
        make += f" && cat > {file.name} <<'JSON'\n{text}JSON"
    return [
        *takeover_steps.before_import(found, adoption, changes.removed),
        ("make the stack", make),
        (
            "let Pulumi know the release",
            f"pulumi import --file {file} --yes --protect=false --generate-code=false --stack {stack}",
        ),
        ("look at what the first up does", f"pulumi preview --diff --stack {stack}"),
        ("do it", f"pulumi up --stack {stack}"),
    ]


def _import_file(output: Path | None, stack: str) -> Path:
    return (output.parent if output else Path()) / f"adopt-{stack.strip('<>')}.json"


def _own(file: Path | None) -> dict[str, Any]:
    """The settings in a stack file, secrets aside."""
    config = Given(_read(file)).part("config") if file else {}
    own = {key.removeprefix("airflow:"): value for key, value in config.items() if key.startswith("airflow:")}
    return {key: value for key, value in own.items() if key not in SECRETS}


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > _MOST_BYTES:
        raise UserError(f"{file} is larger than 1 MiB, more than Helm could keep")
    try:
        documents = list(yaml.load_all(file.read_text(), Loader=_LOADER)) or [{}]
    except (yaml.YAMLError, ValueError, RecursionError):  # whose message may show a secret
        raise UserError(f"{file} is not YAML") from None
    if len(documents) > 1:
        raise UserError(f"{file} holds {len(documents)} documents with --- between them; give a file with one")
    given = plain(documents[0] or {}, str(file))
    if not isinstance(given, dict):
        raise UserError(f"{file} is not a values file: there is no object at its top")
    return given


def _print_value(given: object, path: str) -> None:
    """One value to standard output; texts that hold YAML are gone into."""
    if sys.stdout.isatty():
        raise UserError("--value prints a secret: pipe it on, as in `... | pulumi config set --secret ...`")
    for step in _steps_of(given, path):
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            given = yaml.load(given, Loader=_LOADER) if isinstance(given, str) else given  # noqa: S506  a safe one
        given = given.get(step) if isinstance(given, dict) else None
    if not isinstance(given, str | int) or isinstance(given, bool):
        raise UserError(f"--value {path}: there is no such text in the file")
    sys.stdout.write(str(given))


def _steps_of(given: object, path: str) -> list[str]:
    from airflow_stack.cli.adopt.community_chart import is_community

    theirs = {"fernetKey": "airflow.fernetKey", "data.metadataConnection.pass": "externalDatabase.password"}
    return (theirs.get(path, path) if isinstance(given, dict) and is_community(given) else path).split(".")


def _write(text: str, output: Path | None) -> None:
    if output:
        output.write_text(text)
        _say(f"wrote {output}")
    else:
        typer.echo(text, nl=False)


def _say(text: str) -> None:
    if text:
        typer.echo(text, err=True)
