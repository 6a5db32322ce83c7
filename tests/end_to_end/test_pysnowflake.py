"""A client of the 2010 service works as it did: pysnowflake 0.1.3, as PyPI has it."""

from collections.abc import Iterator

import pytest
from snowflake import client as pysnowflake  # type: ignore[import-untyped] # it ships no types

from idgen.layout import unpack
from tests.end_to_end.fleet import until
from tests.end_to_end.process import Process, running

WORKER_ID = 702
HISTORICAL_KEYS = {
    "timestamp",
    "generated_ids",
    "errors",
    "max_time_ms",
    "worker_id",
    "time_since_flush",
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("process")
    with running(folder, "--grants=memory:", f"--worker_id={WORKER_ID}") as process:
        until(process.serves, "it serves")
        yield process


def test_its_ids_are_unique_and_increase(process: Process) -> None:
    client = pysnowflake.SnowflakeClient("127.0.0.1", process.port)
    ids = [client.get_guid() for _ in range(200)]
    assert ids == sorted({*ids})
    assert {unpack(flake_id).worker_id for flake_id in ids} == {WORKER_ID}


def test_its_stats_have_the_historical_keys(process: Process) -> None:
    client = pysnowflake.SnowflakeClient("127.0.0.1", process.port)
    before = client.get_stats()
    last_id = [client.get_guid() for _ in range(7)][-1]
    stats = client.get_stats()
    assert stats.keys() == HISTORICAL_KEYS
    assert stats["generated_ids"] - before["generated_ids"] == 7
    assert (stats["worker_id"], stats["errors"]) == (WORKER_ID, 0)
    assert stats["max_time_ms"] == unpack(last_id).timestamp + 1259193600000


def test_its_module_wide_client_works(process: Process) -> None:
    pysnowflake.setup("127.0.0.1", process.port)
    assert pysnowflake.get_guid() < pysnowflake.get_guid()
    assert pysnowflake.get_stats()["worker_id"] == WORKER_ID
