"""Output of `airflow-stack diff`: a comment of limited length, independent of values; a terminal; JSON."""

import io
import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from airflow_stack.cli.diff.compare import diff_renderings
from airflow_stack.cli.diff.model import Effect, Manifest, RenderedStack, StackDiff, Totals, dangerous
from airflow_stack.cli.diff.object_changes import object_changes
from airflow_stack.cli.diff.quoting import code
from airflow_stack.cli.diff.render_json import as_result
from airflow_stack.cli.diff.render_markdown import LIMIT, MARKER, comment
from airflow_stack.cli.diff.render_terminal import show
from airflow_stack.cli.diff.totals import Prices
from tests.support.golden import Golden

SETTINGS = {"namespace": "airflow", "executor": "KubernetesExecutor"}
COMMAND = "airflow-stack diff --stack=prod --base=main --all"
PRICES = Prices.model_validate({"cpuHour": 1, "memoryGiBHour": 0, "storageGiBMonth": 0})
NASTY = (
    "@everyone", "#1", "![x](https://evil.example/a.png)", "</details><script>alert(1)</script>", "```\n@admins\n```",
    "<!-- airflow-stack diff -->", "| a | b |", "\x1b[2J\x1b]0;x\x07", "a\u202egnp.exe", "`@team`", "````", "\r\n# heading",
)  # fmt: skip


def config_map(**data: str) -> RenderedStack:
    manifest: Manifest = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
    return RenderedStack(SETTINGS, {"ConfigMap/c": manifest})


def report(old: str, new: str) -> StackDiff:
    found = diff_renderings("prod", config_map(text=old), config_map(text=new))
    return StackDiff("prod", (*found.effects, dangerous("x", f"From {code(old)} to {code(new)}.")), (), found.objects)


def outside_of_code(text: str) -> str:
    """The text in which GitHub would recognize links, mentions and HTML."""
    kept, fence = [], ""
    for line in text.splitlines():
        mark = re.match(r"`{3,}", line)
        if not fence and mark:
            fence = mark[0]
        elif fence and line == fence:
            fence = ""
        elif not fence:
            kept.append(re.sub(r"`[^`]*`", "", line))
    assert not fence
    return "\n".join(kept)


@pytest.mark.parametrize("value", NASTY)
def test_a_value_cannot_leave_its_code_span_or_block(value: str) -> None:
    said = outside_of_code(comment([report("", value), report(value, "x\ny")], "main", COMMAND))
    assert said == outside_of_code(comment([report("", "harmless"), report("harmless", "x\ny")], "main", COMMAND))
    assert said.count(MARKER) == 1


@given(st.text(), st.text())
def test_outside_of_code_a_comment_is_independent_of_values(old: str, new: str) -> None:
    text = comment([StackDiff("prod", (dangerous("x", f"From {code(old)} to {code(new)}."),))], "main", COMMAND)
    assert "\x1b" not in text
    assert re.sub(r"nothing|`[^`]*`", "", text.splitlines()[-1]).split() == ["-", "🛑", "From", "to", "."]


@pytest.mark.parametrize(("lines", "stacks"), [(10, 1), (3000, 1), (3000, 60), (20_000, 3)])
def test_a_long_comment_fits_and_names_the_command_for_the_rest(lines: int, stacks: int) -> None:
    long = "\n".join(f"line {number}" for number in range(lines))
    one = diff_renderings("prod", config_map(text="old"), config_map(text=long))
    text = comment([one] * stacks, "main", COMMAND)
    assert len(text.encode()) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    outside_of_code(text)
    assert (COMMAND in text) == (lines > 10)


def test_a_comment_with_too_many_findings_is_cut_at_a_line(golden: Golden) -> None:
    many = StackDiff("prod", tuple(Effect("x", f"{number} {'happens ' * 50}.") for number in range(1000)))
    text = comment([many], "main", COMMAND)
    assert len(text.encode()) <= LIMIT
    assert text.splitlines()[-1] == golden


def test_a_terminal_shows_the_blast_radius_first_and_folds_long_objects(golden: Golden) -> None:
    def shown(*, everything: bool) -> str:
        out = io.StringIO()
        found = report("old", "\n".join(f"line {number}" for number in range(20)) + "\x1b[2J [bold]")
        show(Console(file=out, width=200), [found], None, everything=everything)
        return out.getvalue()

    folded, whole = shown(everything=False), shown(everything=True)
    assert folded == golden(name="folded")
    assert "line 19\\u001b[2J [bold]" in whole
    assert "\x1b" not in folded + whole


def test_sums_and_prices_before_and_after_are_in_every_format(golden: Golden) -> None:
    after = Totals(cpu_requests=Decimal("0.5"))
    found = StackDiff("prod", (Effect("x", "Something."),), before=Totals(), after=after)
    assert comment([found], "main", COMMAND, PRICES) == golden(name="comment")
    out = io.StringIO()
    show(Console(file=out, width=200), [found], PRICES)
    assert out.getvalue() == golden(name="terminal")
    stack = json.loads(json.dumps(as_result([found], "main", PRICES), default=str))["stacks"][0]
    assert (stack["after"]["cpu_requests"], stack["price"]) == (
        "0.5",
        {"currency": "EUR", "before": "0", "after": "365.0"},
    )


def test_json_holds_every_finding_and_every_field() -> None:
    (stack,) = json.loads(json.dumps(as_result([report("old", "new")], "main"), default=str))["stacks"]
    assert stack["level"] == "dangerous change"
    assert [finding["level"] for finding in stack["findings"]] == ["change", "dangerous change"]
    assert stack["objects"] == [
        {"key": "ConfigMap/c", "what": "changed", "fields": [{"path": "data.text", "old": "old", "new": "new"}]}
    ]


def test_an_unchanged_stack_is_one_row(golden: Golden) -> None:
    same = diff_renderings("prod", config_map(text="a"), config_map(text="a"))
    assert object_changes(config_map(text="a"), config_map(text="a")) == []
    assert comment([same], "main", COMMAND) == golden
