from itertools import product

import pytest

from idgen.quota.rules import FIELDS, MAX_RULES, Check, Rule, Rules

BY_IP = Rule("app-ip", ("app", "ip"), 10_000, 3600)
BY_USER = Rule("app-user", ("app", "user", "interface"), 1000, 3600)
BY_APP = Rule("app", ("app",), 5, 60)
RULES = Rules((BY_IP, BY_USER, BY_APP))
VALUES = ("maps", "ann", "search", "192.0.2.1")
WHOLE = Check(*VALUES)


def test_a_check_has_the_fields_in_their_order() -> None:
    assert Check._fields[: len(FIELDS)] == FIELDS


def test_a_call_is_counted_once_a_rule_by_name_fields_and_values() -> None:
    charge = RULES.charge(WHOLE)
    assert charge.check == WHOLE
    assert charge.rules == (BY_IP, BY_USER, BY_APP)
    assert [rule.counter(WHOLE) for rule in charge.rules] == [
        "app-ip:app,ip\0maps\x00192.0.2.1",
        "app-user:app,user,interface\0maps\0ann\0search",
        "app:app\0maps",
    ]


def test_what_a_rule_does_not_count_by_makes_no_counter_of_its_own() -> None:
    others = WHOLE._replace(user="bob", interface="route", cost=7)
    assert BY_IP.counter(others) == BY_IP.counter(WHOLE)
    assert BY_USER.counter(others) != BY_USER.counter(WHOLE)


@pytest.mark.parametrize(("app", "ip"), [("a,b", "c"), ("%s", "x"), ("a ", "b c"), ("ab", "")])
def test_values_that_look_alike_when_joined_have_counters_of_their_own(app: str, ip: str) -> None:
    assert BY_IP.counter(Check(app, ip=ip)) != BY_IP.counter(Check("a", ip="b,c"))
    assert BY_IP.counter(Check(app, ip=ip)).split("\0") == ["app-ip:app,ip", app, ip]


def test_counting_starts_anew_where_name_or_fields_change_and_goes_on_otherwise() -> None:
    old = BY_APP.counter(WHOLE)
    assert Rule("app", ("app", "ip"), 5, 60).counter(WHOLE) != old
    assert Rule("apps", ("app",), 5, 60).counter(WHOLE) != old
    assert Rule("app", ("app",), 6, 61, enforce=False).counter(WHOLE) == old


def test_where_equal_rules_apply_they_are_the_very_same() -> None:
    one, other = Check("a", ip="::1"), Check("a", interface="id", ip="::1")
    assert RULES.charge(one).rules is RULES.charge(other).rules
    assert RULES.charge(WHOLE).rules is RULES.all


def test_a_window_is_told_in_milliseconds_too() -> None:
    assert BY_APP.window_ms == 60_000


@pytest.mark.parametrize("present", list(product([True, False], repeat=len(FIELDS))))
def test_a_rule_whose_fields_are_not_known_is_left_out(present: tuple[bool, ...]) -> None:
    known = {name for name, there in zip(FIELDS, present, strict=True) if there}
    app, user, interface, ip = (
        value if name in known else None for name, value in zip(FIELDS, VALUES, strict=True)
    )
    check = Check(app, user, interface, ip)
    expected = [rule for rule in RULES.all if set(rule.fields) <= known]
    charge = RULES.charge(check)
    assert list(charge.rules) == expected
    assert len({rule.counter(check) for rule in charge.rules}) == len(expected)


def test_calls_that_know_the_same_fields_have_the_very_same_rules() -> None:
    first, second = RULES.charge(Check("maps", ip="::1")), RULES.charge(Check("mail", ip="::2"))
    assert first.rules is second.rules
    assert RULES.charge(WHOLE).rules is RULES.all


def test_an_empty_value_is_known() -> None:
    assert RULES.charge(Check("")).rules == (BY_APP,)
    assert BY_APP.counter(Check("")) == "app:app\0"


def test_the_first_field_that_is_missing_is_told_with_the_rule_that_needs_it() -> None:
    assert RULES.first_missing(WHOLE) is None
    assert RULES.first_missing(WHOLE._replace(ip=None)) == ("ip", BY_IP)
    assert RULES.first_missing(WHOLE._replace(user=None, interface=None)) == ("user", BY_USER)
    assert RULES.first_missing(Check()) == ("app", BY_IP)


def test_a_field_that_no_rule_needs_may_be_missing() -> None:
    assert Rules((BY_APP,)).first_missing(Check("maps")) is None
    assert Rules(()).first_missing(Check()) is None


def test_without_rules_a_call_is_charged_to_nothing() -> None:
    assert Rules(()).charge(WHOLE).rules == Rules(()).charge(Check()).rules == ()


def test_more_rules_than_the_bound_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        Rules((BY_APP,) * (MAX_RULES + 1))


def test_rules_know_whether_one_of_them_is_a_shadow() -> None:
    assert not RULES.has_shadows
    assert Rules((BY_IP, Rule("shadow", ("ip",), 1, 1, enforce=False))).has_shadows
