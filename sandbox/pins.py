"""Tools of the sandbox, with versions and download URLs."""

from dataclasses import dataclass
from typing import Any

# renovate: datasource=github-releases depName=pulumi/pulumi
PULUMI = "3.250.0"
# Last version of the language host that is published as a Go module. It runs programs with the newest SDK.
LANGUAGE_HOST_MODULE = "3.79.0"
# renovate: datasource=github-releases depName=helm/helm
HELM = "3.20.2"
# renovate: datasource=github-releases depName=kubernetes/kubernetes
KUBERNETES = "1.34.3"
# renovate: datasource=github-releases depName=etcd-io/etcd
ETCD = "3.6.16"
# renovate: datasource=github-releases depName=kubernetes-sigs/kwok
KWOK = "0.8.0"
# renovate: datasource=github-releases depName=coredns/coredns
COREDNS = "1.14.4"
# renovate: datasource=go depName=sigs.k8s.io/kube-network-policies
NETWORK_POLICIES = "0.8.0"
PAUSE = "registry.k8s.io/pause:3.10.1"
# renovate: datasource=github-releases depName=kubernetes-sigs/kind
KIND = "0.33.0"
# renovate: datasource=github-releases depName=rhysd/actionlint
ACTIONLINT = "1.7.12"

_PULUMI_URL = f"https://get.pulumi.com/releases/sdk/pulumi-v{PULUMI}-{{os}}-{{x64}}.tar.gz"
PULUMI_CHECKSUMS = f"https://get.pulumi.com/releases/sdk/pulumi-{PULUMI}-checksums.txt"
_COREDNS_URL = f"https://github.com/coredns/coredns/releases/download/v{COREDNS}"
DOCKER_HUB = "https://registry-1.docker.io/v2/"
_ACTIONLINT_URL = f"https://github.com/rhysd/actionlint/releases/download/v{ACTIONLINT}/actionlint_{ACTIONLINT}"
_ETCD_URL = f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}"


@dataclass(frozen=True)
class Tool:
    """A program of the toolchain."""

    name: str
    version: str
    package: str
    """Go package with its `main`."""
    seconds: int
    """Build time on two cores without a cache."""
    url: str = ""
    """Official download: an archive, or the program itself. `{os}`, `{arch}` and `{x64}` are those of this machine."""
    checksums: str = ""
    """URL of the published checksums. `{url}` is the download."""
    minimum: str = ""
    """Oldest usable installed version. If empty, the tool is used only beside an installed Pulumi."""
    version_arguments: tuple[str, ...] = ("--version",)
    module_version: str = ""
    """Version to build, if it differs from the version to download."""
    script: str = ""
    """Name of a further file of the tool, in the parent of the package's folder."""

    @property
    def files(self) -> list[str]:
        """Files of the tool. The program comes first."""
        return [self.name, *filter(None, [self.script])]


def _kubernetes(name: str, seconds: int, *version_arguments: str) -> Tool:
    url = f"https://dl.k8s.io/v{KUBERNETES}/bin/{{os}}/{{arch}}/{name}"
    arguments = version_arguments or ("--version",)
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Tool(name, KUBERNETES, package, seconds, url, "{url}.sha256", "1.34", version_arguments=arguments)


def _pulumi(name: str, module: str, seconds: int, **more: Any) -> Tool:  # noqa: ANN401  further fields of Tool
    package = f"github.com/pulumi/{module}/cmd/{name}"
    return Tool(name, PULUMI, package, seconds, _PULUMI_URL, PULUMI_CHECKSUMS, **more)


ENGINE = (
    _pulumi("pulumi", "pulumi/pkg/v3", 240, minimum="3.250", version_arguments=("version",)),
    _pulumi(
        "pulumi-language-python",
        "pulumi/sdk/v3/python",
        30,
        module_version=LANGUAGE_HOST_MODULE,
        script="pulumi-language-python-exec",
    ),
    Tool(
        name="helm",
        version=HELM,
        package="helm.sh/helm/v3/cmd/helm",
        seconds=90,
        url=f"https://get.helm.sh/helm-v{HELM}-{{os}}-{{arch}}.tar.gz",
        checksums="{url}.sha256sum",
        minimum="3.19",
        version_arguments=("version", "--short"),
    ),
)
# For programs in examples/ that are not Python. The versions to build work with the newer engine.
EXAMPLE_HOSTS = (
    _pulumi("pulumi-language-yaml", "pulumi-yaml", 60, module_version="1.38.1"),
    _pulumi("pulumi-language-nodejs", "pulumi/sdk/v3/nodejs", 40, module_version="3.60.0"),
)
CONTROL_PLANE = (
    Tool(
        name="etcd",
        version=ETCD,
        package="go.etcd.io/etcd/server/v3",
        seconds=60,
        url=f"{_ETCD_URL}/etcd-v{ETCD}-{{os}}-{{arch}}.tar.gz",
        checksums=f"{_ETCD_URL}/SHA256SUMS",
        minimum="3.5",  # older versions cannot report watch progress
    ),
    _kubernetes("kube-apiserver", 420),
    _kubernetes("kube-controller-manager", 120),
    _kubernetes("kube-scheduler", 60),
)
# kwok publishes no checksums, so it is built. The Go checksum database verifies its source.
KWOK_TOOL = Tool(name="kwok", version=KWOK, package="sigs.k8s.io/kwok/cmd/kwok", seconds=90, minimum="0.8")
# Publishes an image only, so it is built. Only tests/real enforces network policies.
NETWORK_POLICIES_TOOL = Tool(
    name="kube-network-policies",
    version=NETWORK_POLICIES,
    package="sigs.k8s.io/kube-network-policies/cmd",
    seconds=120,
)
KUBECTL = _kubernetes("kubectl", 60, "version", "--client")
NODE = (
    _kubernetes("kubelet", 150),
    _kubernetes("kube-proxy", 60),
    Tool(
        name="coredns",
        version=COREDNS,
        package="github.com/coredns/coredns",
        seconds=240,
        url=f"{_COREDNS_URL}/coredns_{COREDNS}_{{os}}_{{arch}}.tgz",
        checksums="{url}.sha256",
        minimum="1.11",
        version_arguments=("-version",),
    ),
)
KIND_TOOL = Tool(
    name="kind",
    version=KIND,
    package="sigs.k8s.io/kind",
    seconds=40,
    url=f"https://kind.sigs.k8s.io/dl/v{KIND}/kind-{{os}}-{{arch}}",
    checksums="{url}.sha256sum",
    minimum="0.30",
)
ACTIONLINT_TOOL = Tool(
    name="actionlint",
    version=ACTIONLINT,
    package="github.com/rhysd/actionlint/cmd/actionlint",
    seconds=40,
    url=f"{_ACTIONLINT_URL}_{{os}}_{{arch}}.tar.gz",
    checksums=f"{_ACTIONLINT_URL}_checksums.txt",
    minimum="1.7",
    version_arguments=("-version",),
)
_OTHERS = (KWOK_TOOL, KUBECTL, *NODE, KIND_TOOL, ACTIONLINT_TOOL, NETWORK_POLICIES_TOOL)
ALL = {tool.name: tool for tool in (*ENGINE, *EXAMPLE_HOSTS, *CONTROL_PLANE, *_OTHERS)}
