"""Two thousand histories of kills, pauses, power losses, clock steps and lost files."""

import pytest

from idgen.grants.file import FileStore
from tests.faults import simulator

HISTORIES = 2000


def test_no_history_gives_an_id_twice_and_every_fault_came_about() -> None:
    fired = simulator.play_all(1, HISTORIES)
    assert fired["issued"] > 10 * HISTORIES
    assert {name for name in simulator.EXPECTED if not fired[name]} == set()


def test_a_history_is_the_same_each_time_it_is_played() -> None:
    assert simulator.play(7) == simulator.play(7)


def test_a_duplicate_is_seen_and_names_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileStore, "_floor_unix_ms", lambda self, contents: 0)
    with pytest.raises(simulator.Duplicate) as seen:
        list(map(simulator.play, range(1, 200)))
    assert "replay: python -m tests.faults.simulator" in seen.value.__notes__[0]
