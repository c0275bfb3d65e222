"""Which tools the sandbox needs, in which version, and where each one is published."""

from dataclasses import dataclass, field

# renovate: datasource=github-releases depName=pulumi/pulumi
PULUMI = "3.250.0"
# The last language host that is published as a Go module; it runs programs of the newest SDK.
LANGUAGE_HOST_MODULE = "3.79.0"
# renovate: datasource=github-releases depName=helm/helm
HELM = "3.20.2"
# renovate: datasource=github-releases depName=kubernetes/kubernetes
KUBERNETES = "1.34.3"
# renovate: datasource=github-releases depName=etcd-io/etcd
ETCD = "3.6.16"
# renovate: datasource=github-releases depName=kubernetes-sigs/kwok
KWOK = "0.8.0"
# renovate: datasource=github-releases depName=kubernetes-sigs/kind
KIND = "0.33.0"


@dataclass(frozen=True)
class Archive:
    """An official download and the published file of its checksums."""

    url: str
    checksums: str


@dataclass(frozen=True)
class Tool:
    """One program of the toolchain."""

    name: str
    version: str
    package: str
    """The Go package of its `main`."""
    seconds: int
    """To build it on two cores with nothing cached."""
    archive: Archive | None = None
    minimum: str = ""
    """The oldest installed version that will do; empty: only beside an installed Pulumi."""
    version_arguments: tuple[str, ...] = ("--version",)
    module_version: str = ""
    """The version to build, where it is not the one to download."""
    scripts: tuple[str, ...] = field(default=())
    """Files that lie beside the package's folder in its module, and belong to the tool."""

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the tool, the program first."""
        return (self.name, *self.scripts)


_PULUMI_ARCHIVE = Archive(
    f"https://get.pulumi.com/releases/sdk/pulumi-v{PULUMI}-{{os}}-{{x64}}.tar.gz",
    f"https://get.pulumi.com/releases/sdk/pulumi-{PULUMI}-checksums.txt",
)


def _kubernetes(name: str, seconds: int) -> Tool:
    url = f"https://dl.k8s.io/v{KUBERNETES}/bin/{{os}}/{{arch}}/{name}"
    return Tool(
        name=name,
        version=KUBERNETES,
        package=f"k8s.io/kubernetes/cmd/{name}",
        seconds=seconds,
        archive=Archive(url, f"{url}.sha256"),
        minimum="1.34",
    )


_HELM_URL = f"https://get.helm.sh/helm-v{HELM}-{{os}}-{{arch}}.tar.gz"
_ETCD_URL = f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}"
_KIND_URL = f"https://kind.sigs.k8s.io/dl/v{KIND}/kind-{{os}}-{{arch}}"

ENGINE = (
    Tool(
        name="pulumi",
        version=PULUMI,
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        seconds=240,
        archive=_PULUMI_ARCHIVE,
        minimum="3.250",
        version_arguments=("version",),
    ),
    Tool(
        name="pulumi-language-python",
        version=PULUMI,
        package="github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
        seconds=30,
        archive=_PULUMI_ARCHIVE,
        module_version=LANGUAGE_HOST_MODULE,
        scripts=("pulumi-language-python-exec",),
    ),
    Tool(
        name="helm",
        version=HELM,
        package="helm.sh/helm/v3/cmd/helm",
        seconds=90,
        archive=Archive(_HELM_URL, f"{_HELM_URL}.sha256sum"),
        minimum="3.19",
        version_arguments=("version", "--short"),
    ),
)
CONTROL_PLANE = (
    Tool(
        name="etcd",
        version=ETCD,
        package="go.etcd.io/etcd/server/v3",
        seconds=60,
        archive=Archive(f"{_ETCD_URL}/etcd-v{ETCD}-{{os}}-{{arch}}.tar.gz", f"{_ETCD_URL}/SHA256SUMS"),
        minimum="3.5",  # older ones cannot report watch progress
    ),
    _kubernetes("kube-apiserver", 420),
    _kubernetes("kube-controller-manager", 120),
    _kubernetes("kube-scheduler", 60),
    # kwok's releases carry no checksums: built, and vouched for by the Go checksum database.
    Tool(
        name="kwok",
        version=KWOK,
        package="sigs.k8s.io/kwok/cmd/kwok",
        seconds=90,
        minimum="0.8",
    ),
)
KIND_TOOL = Tool(
    name="kind",
    version=KIND,
    package="sigs.k8s.io/kind",
    seconds=40,
    archive=Archive(_KIND_URL, f"{_KIND_URL}.sha256sum"),
    minimum="0.30",
)
