"""`airflow-stack adopt`. Exit status: 0 safe to continue with the printed steps, 2 written but not safe yet, 1 an error."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_stack.errors import UserError

if TYPE_CHECKING:
    from .file_kind import FoundValues
    from .model import Adoption, InstalledRelease
    from .takeover_steps import Step

_NOT_SAFE = 2
_STACK = "adopted"
"""Name of the stack in the printed steps, unless --output names one."""


def adopt(
    release: Annotated[
        str, typer.Option("--release", metavar="NAME", help="Release that was installed with `helm install`.")
    ] = "",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace of the release.")
    ] = "airflow",
    values: Annotated[
        Path | None,
        typer.Option("--values", metavar="FILE", exists=True, dir_okay=False, help="Values file; needs no cluster."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Stack file to write, Pulumi.<stack>.yaml. Default: standard output."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    chart: Annotated[
        Path | None,
        typer.Option(
            "--chart", metavar="PATH", envvar="AIRFLOW_CHART", help="Local Airflow chart, a .tgz or a folder."
        ),
    ] = None,
    context: Annotated[str | None, typer.Option("--context", metavar="NAME", help="Context in the kubeconfig.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--with",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Stack file whose settings win, such as an edited earlier one.",
        ),
    ] = None,
    let_go: Annotated[
        bool, typer.Option("--let-go", help="Confirm that the release's other manager, such as Flux, was stopped.")
    ] = False,
    value: Annotated[
        str, typer.Option("--value", metavar="PATH", help="Only print one value of the values file, into a pipe.")
    ] = "",
) -> None:
    """Turn a Helm release of Airflow, or a values file, into the settings of a stack, and print the steps of the takeover.

    Exit status: 0 safe to continue with the printed steps, 2 written but not safe yet, 1 an error.
    """
    if bool(release) == bool(values):
        raise UserError("name either a release (--release and --namespace) or a values file (--values)")
    if output and not re.fullmatch(r"Pulumi\.[\w.-]+\.yaml", output.name):
        raise UserError(f"--output {output}: a stack file has a name of the form Pulumi.<stack>.yaml")
    stack = output.name.removeprefix("Pulumi.").removesuffix(".yaml") if output else _STACK
    for file in [output, *([_import_file(output, stack)] if release else [])] if output and not force else []:
        if file.exists():
            raise UserError(f"{file} exists; --force overwrites it")
    from .installed_release import read_release
    from .values_file import find_values, print_value, read_settings

    if values and value:
        print_value(find_values(values), value)
        return
    own = read_settings(settings) if settings else {}
    if values:
        options = f"--values {shlex.quote(str(values))}"
        steps_before = [] if output else [_write_step(options, settings, stack)]
        is_safe = _adopt_values(find_values(values), options, own, output, stack, namespace, steps_before)
    else:
        installed = read_release(release, namespace, context, os.environ)
        own = {**({"chart": {"path": str(chart)}} if chart else {}), **own}
        is_safe = _adopt_release(installed, own, output, stack, let_go=let_go)
    if not is_safe:
        raise typer.Exit(_NOT_SAFE)


def _write_step(options: str, settings: Path | None, stack: str) -> "Step":
    more = f" --with {shlex.quote(str(settings))}" if settings else ""
    return "write the stack file", f"airflow-stack adopt {options}{more} --output Pulumi.{stack}.yaml"


def _adopt_values(
    found: "FoundValues",
    options: str,
    own: dict[str, Any],
    output: Path | None,
    stack: str,
    namespace: str,
    before: "list[Step]",
) -> bool:
    from . import community_chart, official_chart, render, takeover_steps
    from .file_kind import Chart

    is_community = found.chart is Chart.COMMUNITY
    adoption = (
        community_chart.convert(found.values, own) if is_community else official_chart.convert(found.values, own=own)
    )
    adoption.with_own(own)
    _write(render.stack_file(adoption.settings, " ".join(options.split())), output)
    blockers = [*found.stops, *adoption.blockers, *render.settings_problems(adoption)]
    _print(
        render.titled_list(
            "Changed, or good to know", [*found.notes, *adoption.notes, *filter(None, [adoption.needed_secrets()])]
        )
    )
    _print(render.titled_list("To correct before `pulumi up`", blockers))
    quoted = shlex.quote(stack)
    steps = [
        *before,
        ("create the stack", f"pulumi stack init {quoted}"),
        *takeover_steps.set_secrets(adoption.secrets, options, stack, namespace),
        ("review it", f"airflow-stack check --stack {quoted} && pulumi preview --stack {quoted}"),
    ]
    _print("Next:\n" + render.numbered_steps(steps))
    return not blockers


def _adopt_release(
    release: "InstalledRelease", own: dict[str, Any], output: Path | None, stack: str, *, let_go: bool
) -> bool:
    from . import inline_secrets, official_chart, render
    from .file_kind import Chart, chart_of

    name, namespace = release.name, release.namespace
    if chart_of(release.values) is Chart.COMMUNITY:
        raise UserError(
            f"release {name!r} is of the community chart. Its objects have other names and labels, so it cannot be adopted in place. "
            f"Turn its values into a stack: `helm get values {name} --namespace {namespace} > values.yaml`, then `airflow-stack adopt --values values.yaml`"
        )
    chart = str(own.get("chart", {}).get("path", ""))
    if replaced := inline_secrets.replacements(release):
        keep, upgrade = (
            inline_secrets.keep_command(release, replaced),
            inline_secrets.upgrade_command(release, replaced, chart),
        )
        raise UserError(
            "the release's values contain secrets in plain text, which the import would copy into the state. Let Helm name their Secrets instead, then "
            f"adopt again; the pods roll once, and no key changes:\n\n{keep}{upgrade}\n"
        )
    adoption = official_chart.convert(release.values, release, own)
    official_chart.check_release(release, adoption, let_go=let_go)
    adoption.with_own(own)
    _write(render.stack_file(adoption.settings, f"--release {name} --namespace {namespace}"), output)
    wrong = render.settings_problems(adoption)
    versions = f"chart {release.chart_version}, Airflow {release.airflow_version}, revision {release.revision}"
    _print(f"Release {name} in namespace {namespace}: {versions}\n")
    _print(render.titled_list("Changed, or good to know", adoption.notes))
    steps = [] if wrong or adoption.blockers else _takeover_steps(release, adoption, output, stack)
    blockers = [*adoption.blockers, *wrong]
    _print(render.titled_list("NOT SAFE YET. To correct first", blockers))
    if not blockers:
        _print("Steps, in this order:\n" + render.numbered_steps(steps))
        _print(
            "The preview must show an update of the Release, a few created resources, and no replaced or deleted one. Otherwise run "
            f"`pulumi stack rm --force {stack}`: it forgets the stack and changes nothing in the cluster."
        )
    return not blockers


def _takeover_steps(release: "InstalledRelease", adoption: "Adoption", output: Path | None, stack: str) -> "list[Step]":
    from airflow_stack.cli.helm import helm_template
    from airflow_stack.cli.manifests import record_stack
    from airflow_stack.cli.pulumi_state import RELEASE
    from airflow_stack.inputs.validation import load

    from . import render, takeover_steps
    from .first_update import first_update

    settings = load(stack, adoption.settings, set(), secrets_required=False)
    recording = record_stack(settings, stack)
    inputs = recording.only(RELEASE).inputs
    manifest = helm_template(settings.chart, inputs["name"], release.namespace, inputs["values"])
    update = first_update(release.manifest, manifest)
    adoption.blockers += [f"{refused}; keep the old value in airflow:values" for refused in update.refused]
    _print(render.first_update_list(update, takeover_steps.secrets_to_keep(release, adoption)))
    file = _import_file(output, stack)
    text = json.dumps(takeover_steps.import_file(recording, release), indent=2) + "\n"
    create = f"pulumi stack init {stack}"
    if output:
        file.write_text(text)
    else:
        create += f" && cat > {file.name} <<'JSON'\n{text}JSON"
    return [
        *takeover_steps.before_import(release, adoption, update.removed),
        ("create the stack", create),
        (
            "import the release",
            f"pulumi import --file {shlex.quote(str(file))} --yes --protect=false --generate-code=false --stack {stack}",
        ),
        ("review the first update", f"pulumi preview --diff --stack {stack}"),
        ("run it", f"pulumi up --stack {stack}"),
    ]


def _import_file(output: Path | None, stack: str) -> Path:
    return (output.parent if output else Path()) / f"adopt-{stack}.json"


def _write(text: str, output: Path | None) -> None:
    if output:
        output.write_text(text)
        _print(f"wrote {output}")
    else:
        typer.echo(text, nl=False)


def _print(text: str) -> None:
    if text:
        typer.echo(text, err=True)
