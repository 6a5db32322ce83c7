import pytest

from idgen.client.servers import MAX_SERVERS, urls_of
from idgen.errors import BadArgument


@pytest.mark.parametrize(
    ("servers", "urls"),
    [
        ("127.0.0.1:8080", ["http://127.0.0.1:8080"]),
        ("a:1,b:2", ["http://a:1", "http://b:2"]),
        (" a:1, b:2\tc:3\n,", ["http://a:1", "http://b:2", "http://c:3"]),
        (["a:1", "b:2"], ["http://a:1", "http://b:2"]),
        (("http://a", "https://b/"), ["http://a", "https://b"]),
        ("https://ids.example:8443/flake/", ["https://ids.example:8443/flake"]),
        ("[::1]:8080", ["http://[::1]:8080"]),
        ("a:1,a:1,b:2", ["http://a:1", "http://b:2"]),
        (iter(["a:1"]), ["http://a:1"]),
    ],
)
def test_servers_are_named_as_people_do(servers: str, urls: list[str]) -> None:
    assert urls_of(servers) == tuple(urls)


@pytest.mark.parametrize("servers", ["", " , ", [], [""]])
def test_a_client_without_servers_is_refused(servers: str) -> None:
    with pytest.raises(BadArgument, match=r"^servers is empty; a server is HOST:PORT or http"):
        urls_of(servers)


@pytest.mark.parametrize(
    "server",
    [
        "ftp://a", "http://", "http://:80", "a:b", "a:0", "a:65536", "a:-1", "[::1:80", "a?x=1",
        "a#b", "a b", "a\x00b", "ä:1", "user:secret@a:1", "//a", 5, None, "a..b:80", ".:80",
        "a" * 64 + ":80", "127.0.0.1", "127.0.0.1:",
    ],
)  # fmt: skip
def test_what_is_no_server_is_refused_by_name_and_without_a_password(server: str) -> None:
    with pytest.raises(BadArgument, match=r"^a server is HOST:PORT or http\[s\]://.*, not ") as no:
        urls_of([server])
    assert "secret" not in str(no.value)


def test_servers_are_bounded() -> None:
    many = [f"a:{port}" for port in range(1, MAX_SERVERS + 2)]
    assert len(urls_of(many[:-1])) == MAX_SERVERS
    with pytest.raises(BadArgument, match="servers has 1025 of them; at most 1024 are allowed"):
        urls_of(many)
