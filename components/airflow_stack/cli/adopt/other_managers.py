"""What else keeps a release as it is: two of them would undo each other's changes, and the other may uninstall it at the end."""

from collections.abc import Iterator

from airflow_stack.cli.adopt.model import Live

_FLUX = "helm.toolkit.fluxcd.io/name"  # Flux puts it on every object of a release
# Who wrote Helm's record, by the beginning of its field manager, which is the program's name; and how it lets go.
_LET_GO = {
    "helm-controller": "Flux: `flux suspend helmrelease <name>`, and delete the HelmRelease where it is declared only once it is suspended, or Flux uninstalls the release",
    "pulumi": "Pulumi: a stack has it already. If that is this program's, it is adopted; if not, `pulumi state delete <urn>` of the Release in that stack, and take it "
    "out of that program",
    "terraform": "Terraform: `terraform state rm <address>` of its helm_release, and take that out of the configuration",
}


def managed_by_others(live: Live) -> Iterator[str]:
    """Why the release is not free, and what to do first."""
    labelled = any(_FLUX in (each["metadata"].get("labels") or {}) for each in live.manifest)
    managers = live.managers | ({"helm-controller"} if labelled else set())
    for program, way_out in _LET_GO.items():
        if any(manager.startswith(program) for manager in managers):
            yield f"the release is managed by {way_out}. Then run this again with --let-go"
