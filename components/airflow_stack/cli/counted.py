"""Numbers of things in sentences."""


def counted(number: int, thing: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {thing}{'s' * (number != 1)}"
