import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idgen.quota.rule_file import KEYS, BadRules, read_rules
from idgen.quota.rules import FIELDS, MAX_LIMIT, MAX_RULES, MAX_WINDOW_S, Rule
from tests.quota.rule_texts import complaint, table

TOP = Path(__file__).parent.parent.parent


def test_the_example_has_the_two_rules() -> None:
    text = (TOP / "quota.example.toml").read_text(encoding="utf-8")
    assert read_rules(text, "").all == (
        Rule("app-ip", ("app", "ip"), 10_000, 3600),
        Rule("app-user", ("app", "user", "interface"), 1000, 3600),
    )


def test_the_example_explains_every_key_and_bound() -> None:
    header = (TOP / "quota.example.toml").read_text(encoding="utf-8").partition("[[rule]]")[0]
    assert re.findall("^# ([a-z_]+)  ", header, re.MULTILINE) == list(KEYS)
    assert all(f'"{name}"' in header for name in FIELDS)
    assert f"{MAX_LIMIT:_}" in header
    assert f"{MAX_WINDOW_S:_}" in header
    assert MAX_WINDOW_S == 31 * 86_400


def test_a_rule_is_enforced_and_open_unless_it_says_otherwise() -> None:
    (rule,) = read_rules(table(), "").all
    assert rule == Rule("a", ("ip",), 1, 60, enforce=True, open_on_failure=True)
    (rule,) = read_rules(table(enforce="false", on_store_failure='"closed"'), "").all
    assert rule == Rule("a", ("ip",), 1, 60, enforce=False, open_on_failure=False)
    (rule,) = read_rules(table(enforce="true", on_store_failure='"open"'), "").all
    assert rule == Rule("a", ("ip",), 1, 60)


def test_fields_are_stored_in_one_order_however_they_are_written() -> None:
    (rule,) = read_rules(table(fields='["ip", "interface", "user", "app"]'), "").all
    assert rule.fields == FIELDS


def test_the_bounds_themselves_are_allowed() -> None:
    name = "A-z_0.9" + "x" * 57
    texts = {"name": f'"{name}"', "limit": str(MAX_LIMIT), "window_s": str(MAX_WINDOW_S)}
    (rule,) = read_rules(table(**texts), "").all
    assert (rule.name, rule.limit, rule.window_s) == (name, MAX_LIMIT, MAX_WINDOW_S)
    rules = "".join(table(name=f'"r{number}"') for number in range(MAX_RULES))
    assert len(read_rules(rules, "").all) == MAX_RULES


def test_rules_may_stand_in_a_list() -> None:
    one = 'name = "a", fields = ["ip"], limit = 1, window_s = 60'
    assert read_rules(f"rule = [{{{one}}}]", "").all == read_rules(table(), "").all


NAME = "is not 1 to 64 of letters, digits, '.', '_' and '-'"
SOME_FIELDS = "is not a list of one or more of app, user, interface, ip, each once"
A_LIMIT = "is not a whole number from 1 to 1000000000"
A_WINDOW = "is not a whole number from 1 to 2678400"


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("name", '""', f"2: name: '' {NAME}"),
        ("name", '"a b"', f"2: name: 'a b' {NAME}"),
        ("name", r'"a\n"', rf"2: name: 'a\n' {NAME}"),
        ("name", '"größe"', f"2: name: 'größe' {NAME}"),
        ("name", "7", f"2: name: 7 {NAME}"),
        ("name", '"' + "x" * 65 + '"', f"2: name: '{'x' * 64}…' {NAME}"),
        ("fields", "[]", f"3: fields: [] {SOME_FIELDS}"),
        ("fields", '"app"', f"3: fields: 'app' {SOME_FIELDS}"),
        ("fields", '["app", "key"]', f"3: fields: ['app', 'key'] {SOME_FIELDS}"),
        ("fields", '["app", "app"]', f"3: fields: ['app', 'app'] {SOME_FIELDS}"),
        ("fields", '["app", ["ip"]]', f"3: fields: ['app', ['ip']] {SOME_FIELDS}"),
        ("fields", '{app = "ip"}', f"3: fields: {{'app': 'ip'}} {SOME_FIELDS}"),
        ("limit", "0", f"4: limit: 0 {A_LIMIT}"),
        ("limit", "-1", f"4: limit: -1 {A_LIMIT}"),
        ("limit", "1_000_000_001", f"4: limit: 1000000001 {A_LIMIT}"),
        ("limit", "1.0", f"4: limit: 1.0 {A_LIMIT}"),
        ("limit", "nan", f"4: limit: nan {A_LIMIT}"),
        ("limit", "true", f"4: limit: True {A_LIMIT}"),
        ("limit", '"1"', f"4: limit: '1' {A_LIMIT}"),
        ("limit", "9" * 400, f"4: limit: {'9' * 64}… {A_LIMIT}"),
        ("limit", "0x" + "f" * 9000, f"4: limit: a number of thousands of digits {A_LIMIT}"),
        ("window_s", "0", f"5: window_s: 0 {A_WINDOW}"),
        ("window_s", "2_678_401", f"5: window_s: 2678401 {A_WINDOW}"),
        ("enforce", "1", "6: enforce: 1 is not true or false"),
        ("enforce", '"false"', "6: enforce: 'false' is not true or false"),
        (
            "on_store_failure",
            '"Open"',
            '6: on_store_failure: \'Open\' is not "open" or "closed"',
        ),
        ("on_store_failure", "[]", '6: on_store_failure: [] is not "open" or "closed"'),
    ],
)
def test_a_value_is_refused_with_its_line_and_what_is_allowed(
    key: str, text: str, told: str
) -> None:
    assert complaint(table(**{key: text})) == f"FILE:{told}"


ONE = table()
KNOWN = "name, fields, limit, window_s, enforce, on_store_failure"
MISSING = "is missing; it is a whole number from 1 to 1000000000"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1: has no [[rule]]"),
        ("# [[rule]]\n\n", "1: has no [[rule]]"),
        ("\nrule = []\n", "2: has no [[rule]]"),
        ("\nlimits = 3\n", "2: unknown key 'limits'; a file of rules has only [[rule]]"),
        (ONE + "[rules]\n", "6: unknown key 'rules'; a file of rules has only [[rule]]"),
        (ONE + "[[rules.a]]\n", "6: unknown key 'rules'; a file of rules has only [[rule]]"),
        ("\nrule = 3", "2: rule is no list of tables; each rule begins with [[rule]]"),
        ("rule = [{}, 3]", "1: rule is no list of tables; each rule begins with [[rule]]"),
        ("\n[rule]", "2: rule is no list of tables; each rule begins with [[rule]]"),
        ("rule.a = 1", "1: rule is no list of tables; each rule begins with [[rule]]"),
        (ONE + "# and\nlimt = 2\n", f"7: unknown key 'limt'; a rule has {KNOWN}"),
        (ONE + "[rule.more]\nlimit = 2", f"6: unknown key 'more'; a rule has {KNOWN}"),
        (ONE + "[[rule.more]]\nlimit = 2", f"6: unknown key 'more'; a rule has {KNOWN}"),
        (ONE + "\n" + ONE, "8: name: 'a' is another rule's; each has a name of its own"),
        (ONE.replace("limit = 1\n", ""), f"1: limit {MISSING}"),
        ("\n" + ONE.replace("limit = 1", "#limit = 1"), f"2: limit {MISSING}"),
        ("rule = [\n{name='a', fields=['ip'], window_s=1}]", f"1: limit {MISSING}"),
        (
            "".join(table(name=f'"r{number}"') for number in range(MAX_RULES + 2)),
            f"{MAX_RULES * 5 + 1}: has 18 rules; 16 is the most",
        ),
    ],
)
def test_a_file_is_refused_as_a_whole_with_a_line(text: str, told: str) -> None:
    assert complaint(text) == f"FILE:{told}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n[[rule]\n", "2: is no TOML: Expected ']]' at the end of an array declaration"),
        (ONE + "limit = 2\n#", "6: is no TOML: Cannot overwrite a value (column 10)"),
        (ONE + "enforce =\n\n", "6: is no TOML: Invalid value (column 10)"),
        (ONE + "x = '''\n\n\n", "6: is no TOML: Expected \"'''\" (end of file)"),
        (ONE + "x", "6: is no TOML: Expected '=' after a key in a key/value pair (end of file)"),
        ("\ufeff" + ONE, "1: is no TOML: Invalid statement (column 1)"),
    ],
)
def test_what_is_no_toml_is_refused_in_the_line_that_the_parser_tells(text: str, told: str) -> None:
    assert complaint(text).startswith(f"FILE:{told}")


def test_a_message_of_the_parser_is_repeated_only_in_part() -> None:
    keys = ".".join("k" * 50 for _ in range(50))
    assert len(complaint(f"{keys} = 1\n[{keys}]\n")) < 250


@pytest.mark.parametrize(
    "trouble",
    ["9" * 5000, "[" * 5000, "[" * 3000 + "]" * 3000, "{a=" * 3000 + "1" + "}" * 3000],
)
def test_what_the_parser_can_not_bear_is_refused_in_its_line(trouble: str) -> None:
    told = complaint(f"# \"\"\"\n[[rule]]\nfields = [\n'ip']\nlimit = {trouble}\nname = 'a'\n")
    assert told == "FILE:5: is more than can be read: too many digits, or too deeply nested"


def test_a_value_of_tables_without_end_is_refused_in_its_line() -> None:
    told = complaint(ONE + "enforce." + "a." * 1200 + "a = 1")
    assert told.startswith("FILE:6: enforce: a table in a table in a table… is not true or false")


PIECES = [
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    '"""',
    "'''",
    "#",
    "\\",
    "\n",
    "\r\n",
    "=",
    ",",
    ".",
    " ",
    "rule",
]
PIECES += [
    "[[rule]]\n",
    "limit = ",
    "1",
    "name",
    "9" * 5000,
    "a",
    "\x00",
    "é",
    "1979-05-27",
    "true",
]


@settings(deadline=None)  # a busy machine is no defect
@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_is_taken_or_refused_in_a_line_of_it(text: str) -> None:
    with suppress(BadRules):
        assert read_rules(text, "FILE").all
        return
    line = int(complaint(text).split(":")[1])
    assert 1 <= line <= text.count("\n") + 1
