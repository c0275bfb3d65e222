"""Placeholders for a stack's secrets: valid in form, the same in every run, and without use elsewhere."""

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_stack.credentials import FERNET_KEY, GIT_SSH_KEY, GITHUB_APP_PRIVATE_KEY

# The two largest primes of 1024 bits.
_P, _Q, _E = 2**1024 - 105, 2**1024 - 179, 65537


@cache
def placeholder(key: str) -> str:
    """Placeholder for a secret setting, such as `gitSshKey`."""
    match key:
        case FERNET_KEY.setting:
            return base64.urlsafe_b64encode(bytes(32)).decode()
        case GIT_SSH_KEY.setting:
            return _pem(ec.derive_private_key(1, ec.SECP256R1()))
        case GITHUB_APP_PRIVATE_KEY.setting:
            d = pow(_E, -1, (_P - 1) * (_Q - 1))
            crt = rsa.rsa_crt_dmp1(d, _P), rsa.rsa_crt_dmq1(d, _Q), rsa.rsa_crt_iqmp(_P, _Q)
            return _pem(rsa.RSAPrivateNumbers(_P, _Q, d, *crt, rsa.RSAPublicNumbers(_E, _P * _Q)).private_key())
    return f"made-up {key}"  # the same in every version, or `diff` would report a changed secret


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
