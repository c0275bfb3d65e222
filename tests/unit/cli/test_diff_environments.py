"""Each side of a diff is rendered with the packages that it requires."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_stack.cli.diff.tree_environments import environments
from airflow_stack.errors import UserError

INSTALLED = f"airflow-stack[cluster]=={version('airflow-stack')}\n"
MISSING = "airflow-stack[cluster]==0.0.1"


def tree(folder: Path, requirements: str | None) -> Path:
    folder.mkdir()
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements)
    return folder


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package can be installed."""
    monkeypatch.setenv("AIRFLOW_STACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_OFFLINE", "1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, None),
        (None, INSTALLED),
        (INSTALLED, INSTALLED),
        (f"# a comment\n{INSTALLED}", f"\n{INSTALLED}"),
        ("another-package==1\n", INSTALLED),
    ],
    ids=["no requirements", "new requirements", "the same", "other comments", "without the package"],
)
def test_the_running_interpreter_renders_trees_that_require_the_same(
    before: str | None, after: str | None, tmp_path: Path
) -> None:
    old, new = environments(tree(tmp_path / "a", before), tree(tmp_path / "b", after), "the base 'main'")
    assert old == new
    assert (new.python, new.version) == (sys.executable, version("airflow-stack"))


def test_a_tree_with_the_package_itself_needs_no_installation(tmp_path: Path) -> None:
    base = tree(tmp_path / "a", MISSING)
    (base / "components" / "airflow_stack").mkdir(parents=True)
    old, new = environments(base, tree(tmp_path / "b", INSTALLED), "the base 'main'")
    assert old == new


@pytest.mark.parametrize("requirements", [MISSING, "--requirement more.txt", "-r more.txt"])
def test_a_version_that_cannot_be_installed_is_named_with_the_way_out(
    requirements: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tree(tmp_path / "a", f"{requirements}  # the old one\n")
    (base / "more.txt").write_text(f"{MISSING}\n")
    with pytest.raises(UserError) as refused:
        environments(base, tree(tmp_path / "b", INSTALLED), "the base 'main'")
    first, reason, fix = str(refused.value).splitlines()
    assert first == f"requirements.txt of the base 'main' cannot be installed, so its {MISSING} cannot render it"
    assert "airflow-stack" in reason
    assert fix.strip().startswith("fix: make that version available to this machine")
    assert "installing the requirements of the base 'main'" in capsys.readouterr().err
    assert [*(tmp_path / "cache" / "diff").iterdir()] == []


def test_a_work_tree_that_pins_another_version_than_the_installed_one_is_not_rendered_with_the_installed_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match=r"^requirements.txt of the work tree cannot be installed"):
        environments(tree(tmp_path / "a", INSTALLED), tree(tmp_path / "b", MISSING), "the base 'main'")


def test_no_message_shows_the_credentials_of_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tree(tmp_path / "a", "airflow-stack @ git+https://user:canary@git.invalid/acme/airflow-stack@v0.0.1\n")
    with pytest.raises(UserError) as refused:
        environments(base, tree(tmp_path / "b", INSTALLED), "the base 'main'")
    assert "canary" not in str(refused.value) + capsys.readouterr().err
