"""Kubernetes' own rules for names, keys, values and quantities. Pure.

Sources: k8s.io/apimachinery 0.34, `pkg/util/validation/validation.go` and `pkg/api/resource/quantity.go`; for quotas k8s.io/kubernetes 1.34,
`pkg/apis/core/validation/validation.go`, ValidateResourceQuotaResourceName.
"""

import re
from decimal import Decimal
from enum import StrEnum

_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"(?=[^/]{{1,253}}(/|$)){_PART}(\.{_PART})*"
"""Pattern of an RFC 1123 subdomain: lowercase letters, digits, `-` and dots, at most 253."""
LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
"""Pattern of an RFC 1123 label: the name of a container or volume."""
HOST = rf"(?![0-9.]+$)(?=.{{1,253}}$){LABEL}(\.{LABEL})*"
"""Pattern of a host: a subdomain of parts of at most 63, as in DNS, that is no IPv4 address."""
KEY = rf"({SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
"""Pattern of the key of a label or annotation."""
LABEL_VALUE = "([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
"""Pattern of the value of a label."""
VARIABLE = r"[-._a-zA-Z][-._a-zA-Z0-9]*"
"""Pattern of the name of an environment variable, which is wider than a shell's."""
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3}|)", re.ASCII)
_FACTORS = {"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_FACTORS |= {unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}
_QUOTAS = frozenset(
    """
    cpu memory ephemeral-storage pods services replicationcontrollers resourcequotas secrets configmaps persistentvolumeclaims
    services.nodeports services.loadbalancers requests.cpu requests.memory requests.storage requests.ephemeral-storage limits.cpu
    limits.memory limits.ephemeral-storage
    """.split()
)
MOST_CPUS = 100
"""CPUs that no container of Airflow needs: more are millicores without their `m`."""


class Amount(StrEnum):
    """Things that a quantity counts."""

    CPU = "cpu"
    MEMORY = "memory"
    STORAGE = "storage"


def matches(pattern: str, text: object) -> bool:
    """Whether all of a text has the form."""
    return isinstance(text, str) and re.fullmatch(pattern, text, re.ASCII) is not None


def quantity(given: object) -> Decimal | None:
    """The number of a quantity such as `500m` or `2Gi`, or of a plain number; None: it is none."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(given))
    if not found:
        return None
    number, unit = found.groups()
    return Decimal(number) * (_FACTORS[unit] if unit in _FACTORS else Decimal(f"1{unit}"))


def wrong_amount(kind: Amount, given: object) -> str:
    """What is wrong with an amount of CPU, memory or storage, as the rest of a sentence; empty: nothing.

    The API accepts `512m` of memory, which is half a byte, and 500 CPUs, which no node has.
    """
    number = quantity(given)
    text = str(given)
    if number is None:
        return "must be a Kubernetes quantity such as 500m or 2Gi" + _meant(text.rstrip("Bb"), text)
    if kind is Amount.CPU:
        if number < 0 or 0 < number < Decimal("1e-3"):
            return f"must be at least 1m{_meant(f'{text}m', text)}"
        if number > MOST_CPUS:
            return f"is {number.normalize():f} CPUs, more than any node runs{_meant(f'{text}m', text)}"
        return ""
    least, whole = ("1Mi", "512Mi") if kind is Amount.MEMORY else ("1Mi", "8Gi")
    if number < 2**20:
        digits = re.match(r"\d+", text)
        meant = f"{digits[0]}{whole[-2:]}" if digits and int(digits[0]) else whole
        return f"is {number.normalize():f} bytes, and must be at least {least}{_meant(meant, text)}"
    return ""


def _meant(text: str, given: str) -> str:
    return f"; did you mean {text}?" if text != given and quantity(text) is not None else ""


def wrong_quota(name: str, amount: object) -> str:
    """What is wrong with one line of a ResourceQuota, as the rest of a sentence; empty: nothing."""
    plain = name.removeprefix("requests.").removeprefix("limits.")
    if name not in _QUOTAS and ("/" not in name or not matches(KEY, plain)):
        return f"{name!r} is not a resource of a quota, such as requests.memory, pods or count/jobs.batch"
    number = quantity(amount)
    if number is None or number < 0:
        text = str(amount)
        hint = _meant(text.rstrip("Bb"), text)
        return f"{name}: {text!r} is not a Kubernetes quantity of 0 or more, such as 32Gi{hint}"
    return ""
