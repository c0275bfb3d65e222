"""The official chart without its sub-chart, which every stack turns off: Helm renders it in a third of the time."""

import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.support.cases import official_chart


@pytest.fixture(scope="session")
def lean_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the chart."""
    folder = tmp_path_factory.mktemp("chart")
    source = official_chart()
    if source.is_dir():
        shutil.copytree(source, folder / "airflow")
    else:
        with tarfile.open(source) as packed:
            packed.extractall(folder, filter="data")
    shutil.rmtree(folder / "airflow" / "charts")
    (folder / "airflow" / "templates" / "NOTES.txt").unlink()
    meta = folder / "airflow" / "Chart.yaml"
    meta.write_text(yaml.safe_dump({k: v for k, v in yaml.safe_load(meta.read_text()).items() if k != "dependencies"}))
    return folder / "airflow"
