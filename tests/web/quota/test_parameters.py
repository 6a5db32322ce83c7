from http import HTTPStatus

import pytest

from idgen.errors import BadRequest
from idgen.quota.rules import Check
from idgen.web.quota.parameters import checks, counted_address, field, parameters, question


def refused(query: str) -> str:
    with pytest.raises(BadRequest) as error:
        question(query)
    return str(error.value)


def test_a_question_has_its_fields_decoded_and_its_defaults() -> None:
    assert question("app=a%20b&user=%E4%BA%94&interface=x+y&ip=192.0.2.7") == (
        Check("a b", "五", "x y", "192.0.2.7", 1),
        HTTPStatus.TOO_MANY_REQUESTS,
    )
    assert question("") == (Check(), HTTPStatus.TOO_MANY_REQUESTS)
    assert question("cost=0&deny_status=403&&").check == Check(cost=0)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("app=a&app=b", "app is given more than once; it may be given once"),
        ("app=a&%61pp=b", "app is given more than once; it may be given once"),
        ("app=", "app is empty"),
        ("app", "app is empty"),
        (
            "App=a",
            "unknown parameter 'App'; those there are: app, cost, deny_status, interface,",
        ),
        ("=a", "unknown parameter ''"),
        ("app=%ff", "'%ff' must be UTF-8 in percent-encoding"),
        ("app=é", "'é' must be UTF-8 in percent-encoding"),
        ("app=a%0Ab", "app must be 1 to 128 characters without control characters, not 'a\\nb'"),
        ("app=a%C2%85b", "app must be 1 to 128 characters without control characters, not"),
        (f"app={'x' * 129}", "app must be 1 to 128 characters without control characters, not"),
        ("ip=192.0.2", "ip must be an IP address, not '192.0.2'"),
        ("ip=fe80::1%25eth0", "ip must be an IP address, not 'fe80::1%eth0'"),
        (f"ip={'1' * 9999}", "ip must be an IP address, not '1111"),
        ("ip=192.0.2.07", "ip must be an IP address, not '192.0.2.07'"),
        ("cost=1e3", "cost must be a whole number from 0 to 1000, not '1e3'"),
        ("cost=%D9%A3", "cost must be a whole number from 0 to 1000, not '٣'"),
    ],
)
def test_what_is_wrong_is_named(query: str, told: str) -> None:
    assert refused(query).startswith(told)


def test_a_route_without_parameters_says_that_there_are_none() -> None:
    with pytest.raises(BadRequest, match=r"^unknown parameter 'app'; those there are: none$"):
        parameters("app=x", frozenset())


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:1:2:3", "2001:db8::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, counted: str) -> None:
    assert counted_address(address) == counted


def test_a_field_may_be_any_name_of_128_characters() -> None:
    for name in ("x", "ü" * 128, "a b", "\U0001f600", "%00"):
        assert field("app", name) == name


def test_a_member_that_is_null_is_not_there() -> None:
    assert checks(b'[{"app":"a","user":null,"cost":2}]') == [Check("a", cost=2)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'[{"cost":1,"cost":0}]', "the body is no JSON: a member is given twice among"),
        ('[{"app":"a"}]'.encode("utf-16"), "the body is no JSON: 'utf-8' codec"),
    ],
)
def test_a_body_that_two_readers_could_read_in_two_ways_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(BadRequest) as error:
        checks(body)
    assert str(error.value).startswith(told)


def test_a_huge_number_is_refused_and_not_read() -> None:
    with pytest.raises(BadRequest, match=r"cost must be a whole number|no JSON"):
        checks(b'[{"cost":1' + b"0" * 5000 + b"}]")
