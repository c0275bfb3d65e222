"""Picture of a pull request comment for the environments guide: a real diff, rendered to HTML. Part of `make pictures`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

from sandbox import SandboxError
from sandbox.session import ROOT, STAND_IN_CHART
from tools.pictures import PICTURES, browser, take

# Changes of the pull request, by stack.
EDITS = {
    "staging": {"airflow:executor": "CeleryExecutor"},
    "prod": {"airflow:images": {"airflow": {"tag": "3.3.3"}}, "airflow:rotation": {"jwt": 2}},
}
_STYLE = """
body { font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: #1f2328; margin: 24px; }
article { border: 1px solid #d1d9e0; border-radius: 6px; padding: 8px 20px; max-width: 1180px; }
code { font: 85% ui-monospace, "DejaVu Sans Mono", monospace; background: #818b981f; border-radius: 6px; padding: .15em .4em; }
pre { background: #f6f8fa; border-radius: 6px; padding: 12px; overflow: hidden; } pre code { background: none; padding: 0; }
table { border-collapse: collapse; } td, th { border: 1px solid #d1d9e0; padding: 4px 12px; } h4 code { font-size: 16px; }
"""


def comment(folder: Path) -> str:
    """Comment that CI would post on a pull request with the edits."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    for stack, edits in EDITS.items():
        file = folder / f"Pulumi.{stack}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"] |= edits
        file.write_text(yaml.safe_dump(content))
    chart = os.environ.get("AIRFLOW_CHART", str(STAND_IN_CHART))
    diff = ["diff", "--base", "HEAD", "--format", "markdown", "--chart", chart]
    command = [str(Path(sys.executable).with_name("airflow-stack")), *diff, *(f"--stack={stack}" for stack in EDITS)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "components")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (2, 3):
        raise SandboxError(f"`airflow-stack diff` failed: {done.stderr}")
    return done.stdout


def main() -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        text = MarkdownIt("commonmark").enable("table").render(comment(Path(folder) / "clone"))
        page = Path(folder) / "comment.html"
        page.write_text(f"<meta charset=utf-8><style>{_STYLE}</style><article>{text}</article>")
        with browser() as chrome:
            chrome.get(page.as_uri())
            chrome.set_window_size(1280, chrome.execute_script("return document.documentElement.scrollHeight") + 160)
            take(chrome, PICTURES / "comment.png", "article")


if __name__ == "__main__":
    main()
