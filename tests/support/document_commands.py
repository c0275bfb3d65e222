"""Command blocks of the documents, and programs that stand in for the ones they call."""

import json
import re
import textwrap
from pathlib import Path

from tests.support.cases import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "template" / "README.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
]
_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_PLACEHOLDER = re.compile(r"<[a-z][a-z ]*>")
RECORD = """\
#!{python}
import json, os, subprocess, sys
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
real, status = json.loads(os.environ["REAL"]).get(name), 0
if real and " ".join(arguments).startswith(tuple(real["verbs"])):
    done = subprocess.run([real["command"], *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    status = done.returncode
    print(done.stdout, file=sys.stderr)
else:
    sys.stdout.write(json.loads(os.environ["OUTPUTS"]).get(name, ""))
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, status, arguments]) + "\\n")
"""
"""Program that records its call. It runs the real program if the arguments begin with one of its verbs."""


def blocks(document: Path) -> list[tuple[str, str]]:
    """Language and text of each code block."""
    return [(language, textwrap.dedent(text)) for _, language, text in _FENCE.findall(document.read_text())]


def script(document: Path) -> str:
    """All commands of a document. Later blocks use variables of earlier ones; each starts in the folder `FOLDER`."""
    commands = [_PLACEHOLDER.sub("given", text) for language, text in blocks(document) if language == "sh"]
    return 'cd "$FOLDER"\n'.join(commands)


def calls(record: Path) -> list[tuple[str, int, list[str]]]:
    """Name, exit status and arguments of each recorded call."""
    return [tuple(json.loads(line)) for line in record.read_text().splitlines()] if record.exists() else []
