"""Tier of a stack by its name. The setting `airflow:tier` overrides it."""

import re

from airflow_stack.choices import Tier

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PRODUCTION = frozenset(("prod", "production", "prd", "live"))
_STAGING = frozenset(("staging", "stage", "stg"))
_NEGATIONS = frozenset(("non", "not", "no", "pre"))


def by_name(stack: str) -> Tier:
    """The tier that a stack's name suggests.

    Production: a word of the name is `prod`, `production`, `prd` or `live`, such as in `acme-prod`, `prod-eu`, `prod2` and `euProd`.
    A negation before that word denies it: `pre-prod` and `non-prod`. Longer words are others: `nonprod`, `reproduce`.

    Args:
        stack: Name of the stack, with or without its organization and project.
    """
    words = [word.lower() for word in _WORD.findall(stack.rsplit("/", 1)[-1])]
    for before, word in zip(["", *words], words, strict=False):
        if word in _PRODUCTION and before not in _NEGATIONS:
            return Tier.PRODUCTION
    return Tier.STAGING if _STAGING & set(words) else Tier.DEVELOPMENT
