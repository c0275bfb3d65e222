"""Arbitrary stack files are read, or refused with one message that names the file and shows no value.

`make fuzz` runs ten thousand of them.
"""

import tempfile
from pathlib import Path

from hypothesis import event, given
from hypothesis import strategies as st

from airflow_stack.cli import stack_file
from airflow_stack.errors import UserError
from airflow_stack.inputs.wording import SettingsError
from tests.support.hostile_strategies import CANARY, stack_files


@given(
    content=stack_files()
    | st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_a_stack_file_is_read_or_refused_with_one_message(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Pulumi.fuzz.yaml").write_bytes(content)
        try:
            settings = stack_file.settings(Path(folder), "fuzz")
        except SettingsError as error:
            event("wrong settings")
            assert error.problems
        except UserError as error:
            event("no stack file")
            assert "Pulumi.fuzz.yaml" in str(error)
            assert CANARY not in str(error)
            assert len(str(error)) < 2000
        else:
            event("taken")
            lines = content.decode(errors="replace").splitlines()
            own = [line.strip().partition(": ")[0] for line in lines if line.startswith("  airflow:")]
            assert len(own) == len(set(own))
            assert settings.dags.repository
