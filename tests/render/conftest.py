"""Charts to render: the stand-in if Helm is available, the official chart if AIRFLOW_CHART names it."""

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.cli.helm import find_helm
from airflow_stack.errors import UserError
from tests.support.cases import CONTRACT_CHART, official_chart


@pytest.fixture(scope="session", autouse=True)
def helm() -> str:
    """Helm, which all tests here need."""
    try:
        return find_helm()
    except UserError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["contract", pytest.param("official", marks=pytest.mark.official_chart)])
def chart(request: Any) -> Path:
    """Both charts."""
    return official_chart() if request.param == "official" else CONTRACT_CHART
