from dataclasses import replace

from idgen.addresses import MAX_PEERS
from idgen.fleet.roster import MISSED_FOR_S, SILENT_AT_ONCE, Found, Roster
from idgen.fleet.rows import Row
from tests.fleet.workers import answering

OWN = "own:1"


def asked(roster: Roster, now_s: float = 0.0) -> list[str]:
    """Ask all that are due; who they are.  None of them answers yet."""
    due = roster.due()
    for peer in due:
        peer.is_asked, peer.asked_s = True, now_s
    return [peer.row.address for peer in due]


def answer(roster: Roster, *addresses: str, silent: bool = False, now_s: float = 0.0) -> None:
    for peer in roster._peers.values():
        if peer.row.address in addresses:
            row = answering(peer.row.address, instance=peer.row.address)
            told = replace(row, trouble="Connection refused", answers=False)
            peer.row, peer.is_asked = told if silent else row, False
            peer.seen_s = peer.seen_s if silent else now_s


def found(*addresses: str, left: tuple[str, ...] = ()) -> Found:
    return Found([Row(address, 7) for address in addresses], frozenset(left))


def shown(roster: Roster) -> list[str]:
    return [row.address for row in roster.rows]


def test_each_is_asked_one_question_at_a_time_and_the_process_itself_none() -> None:
    roster = Roster(["a:1", OWN, "b:1"], OWN)
    roster.adopt(found(OWN, "c:1"), 0.0)
    assert asked(roster) == ["a:1", "b:1", "c:1"]
    assert asked(roster) == []
    answer(roster, "b:1")
    assert asked(roster) == ["b:1"]


def test_of_many_silent_ones_some_are_asked_at_a_time_in_turn() -> None:
    addresses = [f"a:{port}" for port in range(1, 21)]
    roster = Roster(["lively:1", *addresses], OWN)
    assert len(asked(roster, 1.0)) == 21, "nobody knows yet who is silent"
    answer(roster, "lively:1")
    answer(roster, *addresses, silent=True)
    first = asked(roster, 2.0)
    assert first == ["lively:1", *addresses[:SILENT_AT_ONCE]]
    answer(roster, "lively:1")
    answer(roster, *first[1:3], silent=True)
    assert asked(roster, 3.0) == ["lively:1", *addresses[SILENT_AT_ONCE : SILENT_AT_ONCE + 2]]


def test_who_is_named_never_leaves() -> None:
    roster = Roster(["a:1"], OWN)
    roster.adopt(found("a:1"), 0.0)
    roster.adopt(found(left=("a:1",)), 10 * MISSED_FOR_S)
    assert roster.rows == [Row("a:1", 7)], "and is known by what was found"


def test_who_answers_stays_whatever_redis_knows() -> None:
    roster = Roster([], OWN)
    roster.adopt(found("a:1"), 0.0)
    answer(roster, "a:1")
    roster.adopt(found(left=("a:1",)), 10 * MISSED_FOR_S)
    assert shown(roster) == ["a:1"], "up, though another has its worker_id now"


def test_who_gave_back_leaves_at_once_and_who_was_superseded_after_a_while() -> None:
    roster = Roster([], OWN)
    roster.adopt(found("a:1", "b:1"), 0.0)
    answer(roster, "a:1", "b:1", now_s=5.0)
    answer(roster, "a:1", "b:1", silent=True)
    roster.adopt(found(left=("a:1",)), 10.0)
    assert shown(roster) == ["b:1"]
    roster.adopt(found(), 5.0 + MISSED_FOR_S)
    assert shown(roster) == ["b:1"]
    roster.adopt(found(), 5.1 + MISSED_FOR_S)
    assert shown(roster) == []


def test_what_a_worker_told_counts_for_more_than_what_was_found() -> None:
    roster = Roster([], OWN)
    roster.adopt(found("a:1"), 0.0)
    answer(roster, "a:1")
    roster.adopt(Found([Row("a:1", 9)], frozenset()), 1.0)
    assert roster.rows == [answering("a:1", instance="a:1")]


def test_those_who_cannot_be_asked_are_shown() -> None:
    roster = Roster([], OWN)
    cannot = Row("pid 1 on c", 9, trouble="can't be asked from here", can_be_asked=False)
    roster.adopt(Found([cannot], frozenset()), 0.0)
    assert (asked(roster), roster.rows) == ([], [cannot])


def test_there_is_no_room_for_any_number_of_those_who_are_missed() -> None:
    roster = Roster([], OWN)
    for start in range(3):
        ports = range(start * MAX_PEERS, (start + 1) * MAX_PEERS)
        roster.adopt(found(*(f"a:{port}" for port in ports)), float(start))
    assert len(roster.rows) == MAX_PEERS
