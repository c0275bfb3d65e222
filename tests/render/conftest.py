"""The charts to render: the stand-in wherever Helm is, the official one where AIRFLOW_CHART names it."""

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.cli.helm import find_helm
from airflow_stack.errors import UserError
from tests.support.cases import CONTRACT_CHART, official_chart


@pytest.fixture(scope="session", autouse=True)
def helm() -> str:
    """Helm; every test here needs it."""
    try:
        return find_helm()
    except UserError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["contract", pytest.param("official", marks=pytest.mark.official_chart)])
def chart(request: Any) -> Path:
    """Each of the two charts."""
    return official_chart() if request.param == "official" else CONTRACT_CHART
