"""Two thousand histories of each kind of store."""

import pytest

from idgen.grants.file import FileStore
from tests.faults import file_history, redis_history, simulator
from tests.faults.history import Duplicate, History, Overlap

HISTORIES = 2000


@pytest.mark.parametrize(
    ("kind", "expected"), [("file", file_history.EXPECTED), ("redis", redis_history.EXPECTED)]
)
def test_no_history_gives_an_id_twice_and_every_fault_came_about(
    kind: str, expected: set[str]
) -> None:
    fired = simulator.play_all(kind, 1, HISTORIES)
    assert fired["issued"] > 10 * HISTORIES
    assert {name for name in expected if not fired[name]} == set()


@pytest.mark.parametrize("kind", simulator.KINDS)
def test_a_history_is_the_same_each_time_it_is_played(kind: str) -> None:
    assert simulator.play(kind, 7) == simulator.play(kind, 7)


def test_grants_that_overlap_are_seen_and_so_is_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileStore, "_floor_unix_ms", lambda self, contents: 0)
    with pytest.raises(Overlap) as seen:
        list(map(simulator.play, ["file"] * 200, range(1, 201)))
    assert "replay: python -m tests.faults.simulator file " in seen.value.__notes__[0]


def test_a_duplicate_is_seen_where_no_grant_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileStore, "_floor_unix_ms", lambda self, contents: 0)
    monkeypatch.setattr(History, "CHECKS_GRANTS", False)
    with pytest.raises(Duplicate):
        list(map(simulator.play, ["file"] * 200, range(1, 201)))


def test_two_primaries_at_once_give_duplicates_which_the_checker_sees() -> None:
    """What the promise excludes: that it is seen shows that the check can fail."""
    with pytest.raises(Duplicate):
        list(map(simulator.play, ["split"] * 300, range(1, 301)))
