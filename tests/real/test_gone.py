"""Removal of a stack."""

import pytest

from tests.support.project import Project


@pytest.mark.real
@pytest.mark.usefixtures("installed")
def test_down_leaves_no_process_mount_interface_rule_or_file(project: Project) -> None:
    output = project.sandbox("down", "--stack", "dev")
    assert "Stack dev and its history are removed" in output
    assert "All data is removed" in output
    project.assert_gone()
