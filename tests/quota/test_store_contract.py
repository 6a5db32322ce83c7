"""What each store of counters keeps: one suite, run against both."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from hypothesis.stateful import rule as step

from idgen.quota.decision import EMPTY, Level, Verdict
from idgen.quota.rules import Check, Rule, Rules
from tests.quota.stores import STORES, Store
from tests.redis_server import RedisServer

S = 1000
APP_IP = Rule("app-ip", ("app", "ip"), 10_000, 3600)
APP_USER = Rule("app-user", ("app", "user", "interface"), 1000, 3600)
EXAMPLE = Rules((APP_IP, APP_USER))
CALL = Check("shop", "ann", "id", "10.0.0.1")

MACHINE = (
    Rule("users", ("app", "user"), 6, 60),
    Rule("all", ("interface",), 9, 100),
    Rule("shadow", ("app",), 4, 60, enforce=False),
)


@pytest.fixture(params=STORES)
def new_store(request: pytest.FixtureRequest, redis_server: RedisServer) -> Callable[[], Store]:
    return lambda: STORES[request.param](redis_server)


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    return new_store()


def take_one(store: Store, check: Check, rules: Rules = EXAMPLE) -> Verdict:
    return store.take(rules.charge(check))[0]


def resets_in(store: Store, level: Level, reset_ms: int) -> bool:
    return reset_ms - store.slack_ms <= level.reset_ms <= reset_ms


@dataclass
class Window:
    """What the model knows of a counter."""

    used: int
    ending_ms: int


class Model:
    """The rules in the fewest words, and nothing of the code that is tested."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.windows: dict[object, Window] = {}

    def take(self, rules: Rules, check: Check) -> tuple[bool, list[tuple[int, int]]]:
        """Whether it is allowed, and used and reset by rule."""
        keys, over = [], False
        for rule in rules.all:
            fields = [getattr(check, name) for name in rule.fields]
            if None in fields:
                continue
            keys.append((rule, key := (rule.name, *fields)))
            window = self.windows.get(key)
            if window and window.ending_ms <= self.now_ms:
                del self.windows[key]
            elif window:
                window.ending_ms = min(window.ending_ms, self.now_ms + rule.window_s * S)
            used = self.windows[key].used if key in self.windows else 0
            over = over or (rule.enforce and used + check.cost > rule.limit)
        if check.cost and not over:
            for rule, key in keys:
                window = Window(0, self.now_ms + rule.window_s * S)
                self.windows.setdefault(key, window).used += check.cost
        levels = [self.windows.get(key, Window(0, self.now_ms)) for _, key in keys]
        told = [(window.used, window.ending_ms - self.now_ms) for window in levels]
        return not (over and check.cost), told


CHECKS = st.builds(
    Check,
    app=st.sampled_from(["a", "b", "ü", None]),
    user=st.sampled_from(["u", "v", None]),
    interface=st.sampled_from(["id", None]),
    ip=st.none(),
    cost=st.integers(0, 3) | st.just(7),
)


class EqualToTheModel(RuleBasedStateMachine):
    """Any calls, in any order, while time passes and rules change."""

    def __init__(self, new_store: Callable[[], Store]) -> None:
        super().__init__()
        self.store = new_store()
        self.model = Model()
        self.in_force = Rules(MACHINE)

    @step(checks=st.lists(CHECKS, min_size=1, max_size=8))
    def take(self, checks: list[Check]) -> None:
        """Those with the same fields side by side: only they are sure to be decided on in order."""
        checks = sorted(checks, key=lambda check: [value is None for value in check])
        for verdict in self.store.take(*map(self.in_force.charge, checks)):
            allowed, told = self.model.take(self.in_force, verdict.charge.check)
            assert verdict.allowed == allowed
            assert [level.used for level in verdict.levels] == [used for used, _ in told]
            for level, (_, reset_ms) in zip(verdict.levels, told, strict=True):
                assert resets_in(self.store, level, reset_ms)

    @step(by_s=st.sampled_from([10, 20, 30, 60, 100]))
    def move_on(self, by_s: int) -> None:
        self.store.move_on(by_s * S)
        self.model.now_ms += by_s * S

    @step(window_s=st.sampled_from([20, 60, 200]), limit=st.sampled_from([3, 6]))
    def reload(self, window_s: int, limit: int) -> None:
        first = replace(MACHINE[0], window_s=window_s, limit=limit)
        self.in_force = Rules((first, *MACHINE[1:]))


def test_it_is_equal_to_the_model(new_store: Callable[[], Store]) -> None:
    class OfThisStore(EqualToTheModel):
        def __init__(self) -> None:
            super().__init__(new_store)

    phases = [Phase.generate]  # with a real Redis the shrinking of a failure takes minutes
    quick = settings(max_examples=30, stateful_step_count=20, deadline=None, phases=phases)
    run_state_machine_as_test(OfThisStore, settings=quick)


def test_call_1000_passes_and_1001_is_denied(store: Store) -> None:
    for count in range(1, 1001):
        verdict = take_one(store, CALL)
        assert (verdict.allowed, verdict.levels[1].used) == (True, count)
    verdict = take_one(store, CALL)
    assert not verdict.allowed
    assert [rule.name for rule, _ in verdict.denying] == ["app-user"]


def test_call_10000_passes_and_10001_is_denied(store: Store) -> None:
    for user in range(20):
        calls = [CALL._replace(user=f"user {user}")] * 500
        assert all(verdict.allowed for verdict in store.take(*map(EXAMPLE.charge, calls)))
    verdict = take_one(store, CALL._replace(user="one more"))
    assert not verdict.allowed
    assert [rule.name for rule, _ in verdict.denying] == ["app-ip"]


def test_a_denial_by_one_rule_leaves_the_others_counter(store: Store) -> None:
    take_one(store, CALL._replace(cost=1000))
    denied = take_one(store, CALL)
    assert not denied.allowed
    assert [level.used for level in denied.levels] == [1000, 1000]
    other_user = take_one(store, CALL._replace(user="bob"))
    assert [level.used for level in other_user.levels] == [1001, 1]


def test_a_denial_opens_no_window(store: Store) -> None:
    denied = take_one(store, CALL._replace(cost=1001))
    assert denied.levels == [EMPTY, EMPTY]
    assert denied.retry_after_ms is None
    assert take_one(store, CALL._replace(cost=0)).levels == [EMPTY, EMPTY]


def test_a_look_spends_nothing_and_opens_no_window(store: Store) -> None:
    look = CALL._replace(cost=0)
    assert take_one(store, look).levels == [EMPTY, EMPTY]
    assert take_one(store, CALL).levels[1].used == 1
    assert take_one(store, look).levels[1].used == 1


def test_a_first_call_at_10_59_50_resets_at_11_59_50(store: Store) -> None:
    """Not at 11:00:00: an hour is an hour from the first call on."""
    take_one(store, CALL._replace(cost=1000))
    store.move_on(10 * S)  # 11:00:00
    denied = take_one(store, CALL)
    assert not denied.allowed
    assert resets_in(store, denied.levels[1], 3590 * S)
    store.move_on(3570 * S)  # 11:59:30
    assert not take_one(store, CALL).allowed
    store.move_on(20 * S)  # 11:59:50
    again = take_one(store, CALL)
    assert again.allowed
    assert again.levels[1].used == 1
    assert resets_in(store, again.levels[1], 3600 * S)


def test_retries_while_denied_dont_move_the_reset(store: Store) -> None:
    take_one(store, CALL._replace(cost=1000))
    for waited_s in range(100, 3600, 100):
        store.move_on(100 * S)
        denied = take_one(store, CALL)
        assert not denied.allowed
        assert denied.levels[1].used == 1000
        assert resets_in(store, denied.levels[1], (3600 - waited_s) * S)
        assert denied.retry_after_ms == denied.levels[1].reset_ms


def test_a_shadow_counts_and_never_denies(store: Store) -> None:
    rules = Rules((replace(APP_IP, limit=3, enforce=False),))
    verdicts = store.take(*[rules.charge(CALL)] * 5)
    assert [verdict.allowed for verdict in verdicts] == [True] * 5
    assert [verdict.levels[0].used for verdict in verdicts] == [1, 2, 3, 4, 5]
    assert verdicts[3].over_shadows == list(rules.all)


def test_calls_that_no_rule_applies_to_are_allowed(store: Store) -> None:
    verdict = take_one(store, Check(user="ann"))
    assert verdict.allowed
    assert not verdict.levels


@pytest.mark.parametrize(
    "other",
    [("a", "bc"), ("abc", ""), ("", "abc"), ("ab1:c", ""), ("a}", "bc"), ("ab", "C"), ("ab", "ç")],
)
def test_counters_of_different_fields_are_different(store: Store, other: tuple[str, str]) -> None:
    rules = Rules((Rule("both", ("app", "user"), 5, 60), Rule("both-2", ("app",), 9, 60)))
    take_one(store, Check("ab", "c"), rules)
    app, user = other
    assert take_one(store, Check(app, user, cost=0), rules).levels[0] == EMPTY


def test_where_one_field_ends_and_the_next_begins_makes_a_difference(store: Store) -> None:
    take_one(store, CALL._replace(user="ab", interface="c"))
    other = CALL._replace(user="a", interface="bc", cost=0)
    assert take_one(store, other).levels[1] == EMPTY


def test_a_look_is_allowed_where_a_lowered_limit_is_exceeded(store: Store) -> None:
    take_one(store, CALL._replace(cost=9))
    lowered = Rules((replace(APP_USER, limit=5),))
    look = take_one(store, CALL._replace(cost=0), lowered)
    assert (look.allowed, look.levels[0].used) == (True, 9)
    assert not take_one(store, CALL, lowered).allowed


def test_a_rule_with_other_fields_counts_anew(store: Store) -> None:
    take_one(store, Check("a", "b"), Rules((Rule("one", ("app", "user"), 5, 60),)))
    rules = Rules((Rule("one", ("app", "interface"), 5, 60),))
    assert take_one(store, Check("a", interface="b", cost=0), rules).levels == [EMPTY]
    by_user = Rules((Rule("one", ("user",), 5, 60),))
    take_one(store, Check("a", "b"), by_user)
    by_app = Rules((Rule("one", ("app",), 5, 60),))
    assert take_one(store, Check("b", cost=0), by_app).levels == [EMPTY]


@pytest.mark.parametrize("call", [CALL, CALL._replace(cost=0), CALL._replace(cost=1001)])
def test_a_window_longer_than_the_rules_is_cut(store: Store, call: Check) -> None:
    """On a charge, a look and a denial; and once, not again with every call."""
    take_one(store, CALL, Rules((APP_USER,)))
    shortened = Rules((replace(APP_USER, window_s=60),))
    assert resets_in(store, take_one(store, call, shortened).levels[0], 60 * S)
    store.move_on(30 * S)
    assert resets_in(store, take_one(store, call, shortened).levels[0], 30 * S)
    store.move_on(30 * S)
    assert take_one(store, CALL, shortened).levels[0].used == 1


def test_a_window_shorter_than_the_rules_stays(store: Store) -> None:
    shortened = Rules((replace(APP_USER, window_s=60),))
    take_one(store, CALL, shortened)
    store.move_on(30 * S)
    assert resets_in(store, take_one(store, CALL).levels[1], 30 * S)


def test_a_text_that_is_no_unicode_is_as_good_as_another(store: Store) -> None:
    assert take_one(store, CALL._replace(user="\ud800")).allowed
