"""Certificates of a throwaway cluster. The key of the certificate authority is never written to disk."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = datetime.timedelta(days=30)
_USAGES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
_SERVICE = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
_SERVICE_ADDRESS = "10.96.0.1"


def issue(folder: Path, address: str) -> None:
    """Write new certificates: `ca.crt`, `server` (valid for loopback and `address`) and `admin` (a cluster admin)."""
    addresses = (x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", address, _SERVICE_ADDRESS))
    names = x509.SubjectAlternativeName([*addresses, *map(x509.DNSName, _SERVICE)])
    folder.mkdir(mode=0o700, exist_ok=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _unsigned("airflow-sandbox", authority).add_extension(x509.BasicConstraints(True, None), critical=True)
    _write(folder / "ca.crt", root.sign(authority, SHA256()).public_bytes(Encoding.PEM))
    for user, group in (("server", "airflow-sandbox"), ("admin", "system:masters")):
        key = ec.generate_private_key(ec.SECP256R1())
        unsigned = _unsigned(user, key, group).add_extension(names, False).add_extension(_USAGES, False)
        _write(folder / f"{user}.crt", unsigned.sign(authority, SHA256()).public_bytes(Encoding.PEM))
        _write(folder / f"{user}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def write_kubeconfig(path: Path, folder: Path, server: str) -> None:
    """Write a kubeconfig for the cluster admin."""
    name = "airflow-sandbox"
    cluster = {"server": server, "certificate-authority": str(folder / "ca.crt")}
    user = {"client-certificate": str(folder / "admin.crt"), "client-key": str(folder / "admin.key")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    _write(path, yaml.safe_dump(content).encode())


def client_context(folder: Path) -> ssl.SSLContext:
    """TLS context that trusts the cluster and authenticates as its admin."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "admin.crt", folder / "admin.key")
    return context


def _unsigned(name: str, key: ec.EllipticCurvePrivateKey, group: str = "airflow-sandbox") -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return x509.CertificateBuilder(
        issuer_name=_name("airflow-sandbox", "airflow-sandbox"),
        subject_name=_name(name, group),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(minutes=5),  # tolerates a clock that steps back
        not_valid_after=now + _VALID,
    )


def _name(common: str, group: str) -> x509.Name:
    named = {NameOID.COMMON_NAME: common, NameOID.ORGANIZATION_NAME: group}
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in named.items()])


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
