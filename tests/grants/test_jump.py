from idgen.grants.jump import MAX_JUMP_MS, JumpGuard

NOW = 1795219200000
FLOOR = NOW - 1000
HOUR_MS = 3_600_000


def guard() -> JumpGuard:
    made = JumpGuard()
    made.believe(NOW, boot_ms=500)
    return made


def test_a_clock_that_goes_on_as_the_other_does_is_believed() -> None:
    assert guard().jump_ms(NOW + HOUR_MS, 500 + HOUR_MS, FLOOR) == 0


def test_a_jump_of_up_to_a_minute_is_believed() -> None:
    assert guard().jump_ms(NOW + 100 + MAX_JUMP_MS, 600, FLOOR) == 0


def test_a_further_jump_is_believed_once_it_has_lasted_a_minute() -> None:
    made = guard()
    assert made.jump_ms(NOW + HOUR_MS, 500, FLOOR) == HOUR_MS
    assert made.jump_ms(NOW + HOUR_MS + 59_999, 60_499, FLOOR) == HOUR_MS
    assert made.jump_ms(NOW + HOUR_MS + 60_000, 60_500, FLOOR) == 0


def test_a_jump_that_was_put_right_begins_anew() -> None:
    made = guard()
    assert made.jump_ms(NOW + HOUR_MS, 500, FLOOR) == HOUR_MS
    assert made.jump_ms(NOW + 30_000, 30_500, FLOOR) == 0
    assert made.jump_ms(NOW + HOUR_MS + 60_000, 60_500, FLOOR) == HOUR_MS


def test_a_clock_behind_the_floor_that_is_put_right_is_no_jump() -> None:
    made = guard()
    assert made.jump_ms(NOW + HOUR_MS, 500, floor_unix_ms=NOW + HOUR_MS) == 0
    assert made.jump_ms(NOW + HOUR_MS + MAX_JUMP_MS + 1, 500, NOW + HOUR_MS) == MAX_JUMP_MS + 1


def test_a_clock_that_was_set_back_for_hours_and_is_put_right_is_no_jump() -> None:
    made = guard()
    made.believe(NOW - HOUR_MS, boot_ms=500)
    made.believe(NOW + HOUR_MS, boot_ms=500 + 2 * HOUR_MS)
    assert made.jump_ms(NOW + 2 * HOUR_MS, 500 + 2 * HOUR_MS, FLOOR) == 0
    assert made.jump_ms(NOW + 3 * HOUR_MS, 500 + 2 * HOUR_MS, FLOOR) == HOUR_MS


def test_a_clock_set_back_is_not_this_guard_s_matter() -> None:
    assert guard().jump_ms(NOW - HOUR_MS, 500, FLOOR) == 0


def test_before_the_first_grant_any_clock_is_believed() -> None:
    assert JumpGuard().jump_ms(NOW + HOUR_MS, 0, FLOOR) == 0
