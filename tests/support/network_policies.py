"""Enforces network policies on the node of a project's sandbox, and serves a cloud's metadata endpoint there.

The node's network plugin enforces none. kube-network-policies decides on each new connection of a pod, in a queue of the node's own network.
Its own nftables rules need a kernel with CONFIG_NFT_QUEUE. The rules here reach the same queue with more kernels.
"""

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from sandbox import daemons, pins, toolchain
from sandbox.node import NodeCluster
from tests.support.project import Project, wait_for

METADATA = "169.254.169.254"
_NAME = "kube-network-policies"
_ACCESS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: kube-network-policies, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: kube-network-policies}
rules:
  - {apiGroups: [""], resources: [pods, namespaces, nodes], verbs: [get, list, watch]}
  - {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kube-network-policies}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kube-network-policies}
subjects: [{kind: ServiceAccount, name: kube-network-policies, namespace: kube-system}]
"""
# In a network of its own: policies apply to forwarded packets, not to those for the node itself.
# `ip netns` would hide the networks of the running pods, and their pods would never terminate.
_ENDPOINT = f"""
(until [ "$(readlink /proc/$$/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
 ip link add to-metadata type veth peer name eth0 netns $$
 ip link set to-metadata up
 ip addr add 198.18.0.1/32 dev to-metadata
 ip route add {METADATA}/32 dev to-metadata) &
exec unshare --net sh -ec '
  until ip link show eth0 >/dev/null 2>&1; do sleep 0.1; done
  ip link set lo up; ip link set eth0 up; ip addr add {METADATA}/32 dev eth0
  ip route add 198.18.0.1/32 dev eth0; ip route add default via 198.18.0.1
  exec python3 -m http.server 80 --bind {METADATA} --directory /var/empty'
"""
_ASKED = f"python3 -c \"import urllib.request as r; print(r.urlopen('http://{METADATA}').status, end='')\""
_QUEUE = "100"  # the default of kube-network-policies
_RULES = f"""
iptables --table mangle --append POSTROUTING --source 10.244.0.1 --jump ACCEPT
for direction in --source --destination; do
  iptables --table mangle --append POSTROUTING $direction 10.244.0.0/16 --match conntrack --ctstate NEW --jump NFQUEUE --queue-num {_QUEUE}
done
"""
_ENFORCER = """
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp enforcer/token enforcer/ca.crt /run/secrets/kubernetes.io/serviceaccount
exec "$0" --hostname-override=node --metrics-bind-address=127.0.0.1:0 --disable-nri
"""


@contextmanager
def enforced(project: Project) -> Iterator[None]:
    """Enforce the policies of the cluster, with a metadata endpoint in its network."""
    cluster = NodeCluster(project.state / "cluster")
    program = toolchain.ensure([pins.NETWORK_POLICIES_TOOL])[_NAME].path
    server = _credentials(project, cluster)
    daemons.start(cluster.folder, "metadata", cluster.wrapped(["sh", "-ec", f"mkdir -p /var/empty\n{_ENDPOINT}"]))
    address = ["env", f"KUBERNETES_SERVICE_HOST={server[0]}", f"KUBERNETES_SERVICE_PORT={server[1]}"]
    daemons.start(cluster.folder, _NAME, cluster.wrapped([*address, "sh", "-ec", _ENFORCER, str(program)]))
    try:
        wait_for("the metadata endpoint", lambda: _in_node(cluster, _ASKED), lambda answer: answer == "200")
        wait_for("the queue of new connections", lambda: _queues(cluster), lambda queues: _QUEUE in queues)
        assert _in_node(cluster, _RULES) == ""
        yield
    finally:
        _in_node(cluster, "iptables --table mangle --flush POSTROUTING")
        for name in (_NAME, "metadata"):
            for pid in daemons.pids(cluster.folder, name):
                with_suppressed_kill(pid)


def with_suppressed_kill(pid: int) -> None:
    """End a process that may be gone already."""
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _queues(cluster: NodeCluster) -> list[str]:
    return _in_node(cluster, "cat /proc/net/netfilter/nfnetlink_queue").split()[:1]


def _in_node(cluster: NodeCluster, script: str) -> str:
    done = subprocess.run(cluster.wrapped(["sh", "-c", script]), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _credentials(project: Project, cluster: NodeCluster) -> tuple[str, int]:
    """Write token and authority for the enforcer. Returns host and port of the Kubernetes API."""
    kubeconfig = cluster.kubeconfig
    kubectl = [str(toolchain.ensure([pins.KUBECTL])["kubectl"].path), f"--kubeconfig={kubeconfig}"]
    subprocess.run([*kubectl, "apply", "--filename=-"], input=_ACCESS, text=True, check=True, capture_output=True)
    create = [*kubectl, "--namespace=kube-system", "create", "token", _NAME, "--duration=2h"]
    token = subprocess.run(create, text=True, check=True, capture_output=True).stdout
    folder = cluster.folder / "enforcer"
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(token.strip())
    (served,) = [each["cluster"] for each in yaml.safe_load(Path(kubeconfig).read_text())["clusters"]]
    if data := served.get("certificate-authority-data"):
        authority = base64.b64decode(data)
    else:
        authority = (Path(kubeconfig).parent / served["certificate-authority"]).read_bytes()
    (folder / "ca.crt").write_bytes(authority)
    url = urlsplit(served["server"])
    return url.hostname or "127.0.0.1", url.port or 443
