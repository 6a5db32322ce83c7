import json
from dataclasses import replace

from idgen.fleet.rows import Row, collisions, each_once
from idgen.layout import DEFAULT_EPOCH_MS
from tests.fleet.workers import NOW, answering

REFUSES = "clock moved backwards 12 ms; no IDs until 1795219200135"


def test_a_worker_serves_refuses_or_is_silent() -> None:
    serving = answering("a:1")
    refusing = answering("a:1", trouble=REFUSES)
    draining = replace(serving, trouble="draining: this process is about to stop")
    silent = replace(serving, trouble="Connection refused", answers=False)
    rows = [serving, refusing, draining, silent, Row("a:1", None)]
    assert [(row.state, row.detail) for row in rows] == [
        ("serving", ""),
        ("refusing", REFUSES),
        ("refusing", "draining: this process is about to stop"),
        ("silent", "Connection refused"),
        ("silent", ""),
    ]


def test_a_silent_worker_keeps_its_last_figures() -> None:
    silent = replace(answering("a:1"), trouble="Connection refused", answers=False)
    document = json.loads(silent.json(two_owners=False))
    assert document["figures"]["ids_taken"] == 12
    assert (document["heard_unix_ms"], document["offset_ms"]) == (NOW, 0.5)
    unknown = json.loads(Row("a:1", None).json(two_owners=False))
    assert unknown["figures"] is unknown["heard_unix_ms"] is unknown["offset_ms"] is None


def test_two_that_may_issue_with_one_worker_id_collide() -> None:
    rows = [answering("a:1", 7, "one"), answering("b:1", 7, "other"), answering("c:1", 8)]
    assert collisions(rows) == {(7, DEFAULT_EPOCH_MS): rows[:2]}


def test_who_has_another_epoch_no_grant_of_now_or_no_voice_collides_with_nobody() -> None:
    first = answering("a:1", 7, "one")
    others = [
        answering("b:1", 7, "other", epoch_ms=0),
        answering("b:1", 7, "other", owns=False),
        replace(answering("b:1", 7, "other"), trouble="Connection refused", answers=False),
        Row("b:1", 7),
    ]
    for other in others:
        assert collisions([first, other]) == {}


def test_a_process_that_answers_by_two_addresses_is_one() -> None:
    rows = [answering("b:1", 7, "one"), answering("a:1", 7, "one"), answering("c:1", 7, "other")]
    each = each_once(rows)
    assert [row.address for row in each] == ["b:1", "c:1"]
    assert len(collisions(each)) == 1


def test_rows_are_sorted_by_worker_id_and_those_without_one_come_last() -> None:
    rows = [Row("z:1", None), answering("b:1", 10), Row("a:1", 9), answering("a:2", 0)]
    assert [row.address for row in each_once(rows)] == ["a:2", "a:1", "b:1", "z:1"]


def test_a_process_of_two_addresses_is_one_also_where_it_answers_by_one_or_none_of_them() -> None:
    silent = replace(answering("a:1", 7, "one"), trouble="Connection refused", answers=False)
    assert each_once([silent, answering("b:1", 7, "one")]) == [answering("b:1", 7, "one")]
    assert each_once([silent, replace(silent, address="b:1")]) == [silent]
