"""Placeholders for a stack's secrets: valid in form, the same in every run, and without use elsewhere."""

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_stack.credentials import FERNET_KEY, GIT_SSH_KEY, GITHUB_APP_PRIVATE_KEY

# The two largest primes of 1024 bits.
_P, _Q = 2**1024 - 105, 2**1024 - 179


@cache
def placeholder(key: str, *, renewed: bool = False) -> str:
    """Placeholder for a secret setting, such as `gitSshKey`.

    Args:
        key: Name of the setting.
        renewed: Whether it is a second one, which stands for another secret.
    """
    match key:
        case FERNET_KEY.setting:
            return base64.urlsafe_b64encode(bytes([renewed] * 32)).decode()
        case GIT_SSH_KEY.setting:
            return _pem(ec.derive_private_key(1 + renewed, ec.SECP256R1()))
        case GITHUB_APP_PRIVATE_KEY.setting:
            e = 65539 if renewed else 65537
            d = pow(e, -1, (_P - 1) * (_Q - 1))
            crt = rsa.rsa_crt_dmp1(d, _P), rsa.rsa_crt_dmq1(d, _Q), rsa.rsa_crt_iqmp(_P, _Q)
            return _pem(rsa.RSAPrivateNumbers(_P, _Q, d, *crt, rsa.RSAPublicNumbers(e, _P * _Q)).private_key())
    # The same in every version, or `diff` would report a changed secret.
    return f"another made-up {key}" if renewed else f"made-up {key}"


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
