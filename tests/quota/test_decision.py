from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from idgen.quota.decision import EMPTY, Level, Verdict, as_if_asked, decide, without_store
from idgen.quota.rules import Charge, Check, Rule, Rules

WIDE = Rule("wide", ("app",), 10, 3600)
NARROW = Rule("narrow", ("app", "user"), 3, 60)
SHADOW = Rule("shadow", ("app", "ip"), 2, 7, enforce=False)


def charge(*rules: Rule, cost: int = 1) -> Charge:
    return Rules(rules).charge(Check("maps", "ann", "search", "192.0.2.1", cost))


def verdict(asked: Charge, *before: Level) -> Verdict:
    allowed, levels = decide(asked, before)
    return Verdict(allowed, asked, levels)


def test_a_first_call_opens_a_window_of_each_rule() -> None:
    asked = charge(WIDE, NARROW)
    assert decide(asked, [EMPTY, EMPTY]) == (True, [Level(1, 3_600_000), Level(1, 60_000)])


def test_a_further_call_leaves_the_end_of_the_window_where_it_is() -> None:
    assert decide(charge(WIDE), [Level(4, 1234)]) == (True, [Level(5, 1234)])


def test_the_last_unit_passes_and_the_next_is_denied() -> None:
    assert decide(charge(NARROW), [Level(2, 9)]) == (True, [Level(3, 9)])
    assert decide(charge(NARROW), [Level(3, 9)]) == (False, [Level(3, 9)])
    assert decide(charge(NARROW, cost=3), [EMPTY])[0]
    assert not decide(charge(NARROW, cost=2), [Level(2, 9)])[0]


def test_a_denial_by_one_rule_leaves_the_level_of_the_other_as_it_was() -> None:
    for rules, before in (
        ((WIDE, NARROW), [Level(5, 100), Level(3, 9)]),
        ((NARROW, WIDE), [Level(3, 9), EMPTY]),
    ):
        allowed, levels = decide(charge(*rules), before)
        assert not allowed
        assert levels is before


def test_a_look_is_allowed_and_changes_nothing_even_where_nothing_is_left() -> None:
    before = [Level(10, 100), Level(3, 9)]
    asked = charge(WIDE, NARROW, cost=0)
    allowed, levels = decide(asked, before)
    assert allowed
    assert levels is before
    assert decide(asked, [EMPTY, EMPTY])[1] == [EMPTY, EMPTY]
    assert Verdict(allowed, asked, levels).denying == []


def test_a_shadow_counts_past_its_limit_and_never_denies() -> None:
    given = verdict(charge(SHADOW, WIDE, cost=5), Level(2, 9), EMPTY)
    assert given.allowed
    assert given.levels == [Level(7, 9), Level(5, 3_600_000)]
    assert given.over_shadows == [SHADOW]
    assert given.denying == []


def test_a_shadow_is_not_charged_for_what_another_rule_denies() -> None:
    given = verdict(charge(SHADOW, NARROW), Level(1, 9), Level(3, 50))
    assert given.levels == (Level(1, 9), Level(3, 50))
    assert given.denying == [(NARROW, Level(3, 50))]


def test_a_shadow_is_over_from_the_first_call_that_it_would_have_denied() -> None:
    assert verdict(charge(SHADOW), Level(1, 9)).over_shadows == []
    assert verdict(charge(SHADOW), Level(2, 9)).over_shadows == [SHADOW]


def test_a_shadow_would_have_denied_no_look_nor_what_was_denied_anyway() -> None:
    assert verdict(charge(SHADOW, cost=0), Level(5, 9)).over_shadows == []
    assert verdict(charge(SHADOW, NARROW), Level(5, 9), Level(3, 50)).over_shadows == []


def test_all_rules_that_deny_are_told_and_no_other() -> None:
    other = replace(WIDE, name="other")
    given = verdict(charge(NARROW, other, WIDE), Level(3, 50), Level(9, 70), Level(10, 90))
    assert given.denying == [(NARROW, Level(3, 50)), (WIDE, Level(10, 90))]


def test_the_longest_wait_of_the_denying_rules_wins() -> None:
    both = verdict(charge(NARROW, WIDE), Level(3, 50), Level(10, 90))
    assert both.retry_after_ms == 90
    turned = verdict(charge(WIDE, NARROW), Level(10, 20), Level(3, 50))
    assert turned.retry_after_ms == 50


def test_the_wait_of_a_rule_that_does_not_deny_does_not_matter() -> None:
    given = verdict(charge(NARROW, WIDE, SHADOW), Level(3, 50), Level(1, 90), Level(9, 95))
    assert given.retry_after_ms == 50


def test_an_allowed_call_has_no_wait() -> None:
    assert verdict(charge(NARROW), EMPTY).retry_after_ms is None
    assert verdict(charge(NARROW), EMPTY).denying == []


def test_a_cost_above_a_limit_is_denied_without_a_wait() -> None:
    given = verdict(charge(NARROW, WIDE, cost=4), EMPTY, EMPTY)
    assert not given.allowed
    assert given.denying == [(NARROW, EMPTY)]
    assert given.retry_after_ms is None


def test_no_wait_is_told_where_it_would_help_with_one_rule_only() -> None:
    given = verdict(charge(WIDE, NARROW, cost=4), Level(8, 90), Level(1, 50))
    assert [rule for rule, _ in given.denying] == [WIDE, NARROW]
    assert given.retry_after_ms is None


def test_a_cost_above_the_limit_of_a_shadow_passes() -> None:
    assert verdict(charge(SHADOW, cost=9), EMPTY).levels == [Level(9, 7000)]


def test_a_level_above_a_limit_that_was_lowered_denies_until_the_window_ends() -> None:
    given = verdict(charge(replace(WIDE, limit=2)), Level(9, 40))
    assert not given.allowed
    assert given.retry_after_ms == 40


def test_a_call_that_no_rule_applies_to_is_allowed() -> None:
    assert verdict(charge()) == Verdict(True, charge(), [])


def test_without_a_store_a_call_passes_if_every_enforced_rule_is_open() -> None:
    closed = replace(NARROW, open_on_failure=False)
    assert without_store(charge(WIDE, NARROW), "refused").allowed
    assert not without_store(charge(WIDE, closed), "refused").allowed
    assert not without_store(charge(closed, WIDE), "refused").allowed
    assert without_store(charge(replace(closed, enforce=False)), "refused").allowed
    assert without_store(charge(), "refused").allowed


def test_without_a_store_a_look_passes() -> None:
    assert without_store(charge(replace(WIDE, open_on_failure=False), cost=0), "refused").allowed


def test_without_a_store_there_are_no_levels_but_the_reason() -> None:
    given = without_store(charge(replace(WIDE, open_on_failure=False), SHADOW), "refused")
    assert (given.levels, given.trouble) == ((), "refused")
    assert given.denying == []
    assert given.retry_after_ms is None
    assert given.over_shadows == []


def test_a_look_tells_what_a_call_would_be_answered() -> None:
    looked = verdict(charge(WIDE, NARROW, cost=0), Level(4, 90), Level(2, 50))
    assert as_if_asked(looked, 1) == verdict(charge(WIDE, NARROW), Level(4, 90), Level(2, 50))
    denied = as_if_asked(looked, 2)
    assert not denied.allowed
    assert denied.retry_after_ms == 50
    assert denied.levels == (Level(4, 90), Level(2, 50))


def test_a_look_that_found_no_store_tells_what_a_call_would_be_answered() -> None:
    looked = without_store(charge(replace(WIDE, open_on_failure=False), cost=0), "refused")
    assert looked.allowed
    assert as_if_asked(looked, 1) == without_store(
        charge(replace(WIDE, open_on_failure=False)), "refused"
    )


RULES = st.builds(
    Rule,
    name=st.just("some"),
    fields=st.just(("app",)),
    limit=st.integers(1, 9),
    window_s=st.integers(1, 9),
    enforce=st.booleans(),
)
OPEN = st.builds(Level, st.integers(1, 12), st.integers(1, 9000))


@settings(deadline=None)  # a busy machine is no defect
@given(
    st.lists(st.tuples(RULES, OPEN | st.just(EMPTY)), max_size=4),
    st.integers(0, 12),
)
def test_a_call_is_allowed_just_where_no_rule_denies_it_and_charged_to_all_or_none(
    counted: Sequence[tuple[Rule, Level]], cost: int
) -> None:
    before = tuple(level for _, level in counted)
    given = verdict(charge(*(rule for rule, _ in counted), cost=cost), *before)
    assert given.allowed == (not any(_denies(rule, level, cost) for rule, level in counted))
    spent = [after.used - level.used for after, level in zip(given.levels, before, strict=True)]
    assert spent == [cost if given.allowed else 0] * len(before)
    if not given.allowed:
        assert given.denying == [both for both in counted if _denies(*both, cost)]
    for after, (rule, level) in zip(given.levels, counted, strict=True):
        opened = not level.reset_ms and given.allowed and cost
        assert after.reset_ms == (rule.window_ms if opened else level.reset_ms)


def _denies(rule: Rule, level: Level, cost: int) -> bool:
    return rule.enforce and cost > 0 and level.used + cost > rule.limit
