import pytest

from idgen.redis.address import RedisAddress, without_secrets


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress("h")),
        ("redis://h:7000/3", RedisAddress("h", 7000, 3)),
        ("redis://h/?namespace=eu-1.flake", RedisAddress("h", namespace="eu-1.flake")),
        ("rediss://h", RedisAddress("h", tls=True)),
        ("redis://[::1]:7000", RedisAddress("::1", 7000)),
        ("redis://:p%40ss@h", RedisAddress("h", password="p@ss")),
        ("redis://me:secret@h", RedisAddress("h", username="me", password="secret")),
    ],
)
def test_a_url_tells_where_redis_is(url: str, address: RedisAddress) -> None:
    assert RedisAddress.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "redis:",
        "redis://",
        "redis:///0",
        "redis://h/x",
        "redis://h/0/1",
        "redis://h:0x1",
        "redis://h:65536",
        "redis://h?db=1",
        "redis://h?namespace=a&namespace=b",
        "redis://a..b",
        "redis://h?namespace=",
        "redis://h?namespace=a:b",
        "redis://h?namespace=" + "a" * 65,
        "redis://h#x",
        "redis://[::1",
        "redis://h:0",
    ],
)
def test_what_is_no_such_url_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(ValueError, match=r"^redis://HOST:PORT/DB\?namespace=NAME or rediss://"):
        RedisAddress.parse(url)


def test_the_password_of_the_url_is_stronger_than_the_other() -> None:
    assert RedisAddress.parse("redis://h").with_password("new").password == "new"
    assert RedisAddress.parse("redis://:old@h").with_password("new").password == "old"
    assert RedisAddress.parse("redis://h").with_password("").password is None


def test_no_text_of_it_shows_who_logs_in() -> None:
    address = RedisAddress.parse("rediss://me:secret@[::1]:7000/2?namespace=x")
    assert str(address) == "rediss://[::1]:7000/2?namespace=x"
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://me:secret@h/0", "'redis:…'"),
        ("redis//:secret@h/0", "'redis/…'"),
        ("valkey://:secret h/0", "'valkey:…'"),
        ("secret@h", "'…'"),
        ("redis:", "'redis:'"),
        ("7", "'7'"),
        ("a\nb", r"'a\nb'"),
    ],
)
def test_of_what_may_be_a_url_only_the_beginning_is_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
