"""Other tools that manage a release. Two managers would revert each other's changes, and the other one may uninstall the release."""

from collections.abc import Iterator

from .model import InstalledRelease

_FLUX = "helm.toolkit.fluxcd.io/name"  # a label that Flux sets on every object of a release
# By the beginning of the field manager of Helm's record, which is the program's name: how to stop it.
_STOP = {
    "helm-controller": "Flux: run `flux suspend helmrelease <name>`. Delete the declared HelmRelease only while it is suspended, or Flux uninstalls the release",
    "pulumi": "Pulumi: another stack has it already. If that is this program's stack, it is adopted. Otherwise run `pulumi state delete <urn>` for the "
    "Release in that stack, and remove it from that program",
    "terraform": "Terraform: run `terraform state rm <address>` for its helm_release, and remove it from the configuration",
}


def managed_by_others(release: InstalledRelease) -> Iterator[str]:
    """The other managers, and how to stop each."""
    labelled = any(_FLUX in (each["metadata"].get("labels") or {}) for each in release.manifest)
    managers = release.managers | ({"helm-controller"} if labelled else set())
    for program, fix in _STOP.items():
        if any(manager.startswith(program) for manager in managers):
            yield f"the release is managed by {fix}. Then run this command again with --let-go"
