"""Output for people: styled and live on a terminal, plain lines elsewhere."""

from rich.console import Console

console = Console(highlight=False)


def duration(seconds: float) -> str:
    """A duration as text: `40 seconds`, `3 minutes`."""
    if seconds < 90:
        return f"{round(seconds)} seconds"
    return f"{round(seconds / 60)} minutes"


def say(text: str, style: str = "") -> None:
    """Print plain text; without a terminal lines are not wrapped."""
    console.print(text, markup=False, style=style, soft_wrap=not console.is_terminal)
