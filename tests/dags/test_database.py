"""Airflow's own PostgreSQL: started once or again, and one that another home left is told as such."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dags.database import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if not shutil.which("psql"):
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    made = Cluster.of(tmp_path)
    yield made
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)


def test_a_cluster_whose_home_was_removed_says_so(cluster: Cluster) -> None:
    cluster.start("old")
    cluster.start("old")
    cluster.stop()
    with pytest.raises(RuntimeError, match="is of an Airflow home that was removed since: remove that folder, too"):
        cluster.start("new")
    cluster.start("old")
