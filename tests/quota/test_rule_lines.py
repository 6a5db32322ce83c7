import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idgen.quota.rule_file import KEYS
from tests.quota.rule_texts import complaint, table

TRICKY = '''\
# [[rule]]
[[ rule ]]  # [[rule]]
"name" = """\\
   first\\
   """
fields = [  # ]
  "ip",  # [[rule]] ' " """

  'app',
]
"limit" = 1
window_s = 60
[["rule"]]
'name' = \'\'\'second\'\'\'
\tfields = ["ip"]
limit = {limit}
"window\\u005fs" = {window_s}
  [['rule']]
name = "third"
fields = ["""ip"""]
limit = 1
window_s . a = 1
'''


def test_lines_are_right_whatever_toml_allows() -> None:
    assert complaint(TRICKY.format(limit=0, window_s=1)).startswith("FILE:16: limit: 0 ")
    assert complaint(TRICKY.format(limit=1, window_s=0)).startswith("FILE:17: window_s: 0 ")
    assert complaint(TRICKY.format(limit=1, window_s=1)).startswith("FILE:22: window_s: {'a'")
    windows = TRICKY.format(limit=1, window_s=0).replace("\n", "\r\n")
    assert complaint(windows).startswith("FILE:17: window_s: 0 ")


@pytest.mark.parametrize(
    "string",
    [
        '"""\n[[rule]]\nlimit = 1\n"""',
        "'''\n[[rule]]\n\"\"\"\n'''",
        '"""\\"""\n"" """""',
        '""""\n"""',
        "''''\n\\'''''",
        '"\\"#["',
        "'#[\\'",
        '""',
        "''",
        '""""""',
        "''''''",
        '["#\\\\", \'"\', # "\n]',
        '["""a"""", "]"]',
        "['''a'''', ']']",
        '{a = "}", b = ["\\""]}',
    ],
)
def test_what_strings_hold_is_counted_as_lines_and_not_as_statements(string: str) -> None:
    text = f"[[rule]]\non_store_failure = {string}\n" + table(limit="0").partition("\n")[2]
    assert tomllib.loads(text)["rule"][0]["limit"] == 0
    line = text.count("\n", 0, text.rindex("limit = 0")) + 1
    assert complaint(text).startswith(f"FILE:{line}: limit: 0 ")


NOISE = st.sampled_from(
    ["", "\n", " # [[rule]]\n", "# limit = 0 ' \"\n\n", '\t# """\n', "# [ {\r\n"]
)
HEADERS = st.sampled_from(["[[rule]]\n", "  [[ rule ]]  # [\n", '[["rule"]]\r\n', "[['rule' ]]\n"])
SPELLINGS = {
    "name": ['"{}"', "'{}'", '"""{}"""', '"""\\\n\n   {}\\\n"""', "'''\n{}'''"],
    "fields": ['["ip"]', "[\n'ip' # ]\n]", '["""\\\n\n ip""",\n\n]', "[ # '\n'app', \"ip\" ]"],
    "limit": ["1", "1_000", "0x10"],
    "window_s": ["1", "3600 # [", "0b1"],
    "enforce": ["true", "false"],
    "on_store_failure": ['"open"', "'''\nclosed'''", '"""clos\\\n  ed"""'],
}
EQUALS = st.sampled_from(["{} = ", '"{}"=', "'{}'\t= ", "\t{}= "])


@st.composite
def files_with_a_fault(draw: st.DrawFn) -> tuple[str, str]:
    """A file with one wrong value, and how a message of it begins."""
    rules = draw(st.integers(1, 3))
    wrong = draw(st.integers(0, rules - 1)), draw(st.sampled_from(list(KEYS)))
    text, told = "", ""
    for number in range(rules):
        text += draw(NOISE) + draw(HEADERS)
        for key in draw(st.permutations(list(KEYS))):
            text += draw(NOISE)
            is_wrong = (number, key) == wrong
            if is_wrong:
                told = f"FILE:{text.count(chr(10)) + 1}: {key}: "
            value = "[\n0.5,\n]" if is_wrong else draw(st.sampled_from(SPELLINGS[key]))
            text += draw(EQUALS).format(key) + value.replace("{}", f"r{number}") + "\n"
    return text, told


@settings(deadline=None)  # a busy machine is no defect
@given(files_with_a_fault())
def test_the_line_of_a_fault_is_right_however_the_file_is_written(made: tuple[str, str]) -> None:
    text, told = made
    assert complaint(text).startswith(told)
