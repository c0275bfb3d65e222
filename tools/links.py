"""Links of the documents: files and headings with `make lint`, addresses on the internet with `make links`."""

import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.markdown import anchor

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *(ROOT / folder / "README.md" for folder in ("examples", "sandbox/chart", "template")),
    ]
)
_CODE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_SECONDS = 20


def targets(file: Path) -> Iterator[str]:
    """Target of each link and picture."""
    yield from re.findall(r"\]\(([^)\s]+)\)", _CODE.sub("", file.read_text()))


def anchors(file: Path) -> set[str]:
    """Anchors that GitHub gives the headings of a document."""
    return {anchor(title) for title in re.findall(r"^#+ (.*)$", _CODE.sub("", file.read_text()), re.MULTILINE)}


def lost(file: Path) -> list[str]:
    """Relative links of a document that lead to no file or heading."""
    found = []
    for target in targets(file):
        path, _, heading = target.partition("#")
        there = (file.parent / path).resolve() if path else file
        if re.match(r"\w+:", target):
            continue
        if not there.exists() or (heading and there.suffix == ".md" and heading not in anchors(there)):
            found.append(target)
    return found


def problem(url: str) -> str:
    """Reason that an address does not answer. Empty if it does, or if it refuses programs."""
    request = urllib.request.Request(url, headers={"User-Agent": "airflow-stack"})  # noqa: S310  (https, see main)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in (403, 429) else str(error.code)
    except OSError as error:
        return str(error)


def main() -> None:
    """Check the relative links, with `--external` the addresses instead."""
    if "--external" not in sys.argv:
        wrong = [f"{file.relative_to(ROOT)}: {target}" for file in DOCUMENTS for target in lost(file)]
    else:
        urls = sorted({each for file in DOCUMENTS for each in targets(file) if each.startswith("https://")})
        with ThreadPoolExecutor(8) as pool:
            answers = zip(urls, pool.map(problem, (url.partition("#")[0] for url in urls)), strict=True)
            wrong = [f"{url}: {reason}" for url, reason in answers if reason]
    if wrong:
        raise SystemExit("error: links that lead nowhere\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
