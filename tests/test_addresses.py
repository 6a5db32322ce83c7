import pytest

from idgen.addresses import MAX_PEERS, PEERS_ALLOWED, host_and_port, peers_of


def test_peers_are_addresses_and_spans_of_ports_each_once_in_order() -> None:
    text = " 10.0.0.2:8000, flake-1.flake:8001 ,10.0.0.1:8000-8002,[::1]:8000,10.0.0.1:8001"
    assert peers_of(text) == (
        "10.0.0.2:8000",
        "flake-1.flake:8001",
        "10.0.0.1:8000",
        "10.0.0.1:8001",
        "10.0.0.1:8002",
        "[::1]:8000",
    )
    assert peers_of("") == peers_of(" , ") == ()


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1",
        "10.0.0.1:",
        ":8000",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "10.0.0.1:8002-8000",
        "10.0.0.1:8000-",
        "http://10.0.0.1:8000",
        "::1:8000",
        "[:::]:8000",
        "10.0.0.1:8000,[:::]:8000",
        "user@host:80",
        "host/path:80",
        "host:80?x",
        "host :80",
        "h\u00f6st:80",
        "host:\u0663",
        "10.0.0.1:1-1025",
        "a:1-1000,b:1-1000",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT") as refused:
        peers_of(text)
    assert str(refused.value) == PEERS_ALLOWED


def test_there_are_as_many_peers_as_worker_ids_at_most() -> None:
    assert len(peers_of("10.0.0.1:8000-9023")) == MAX_PEERS


def test_an_ipv6_address_gets_brackets() -> None:
    assert host_and_port("::1", 8000) == "[::1]:8000"
    assert host_and_port("10.0.0.1", 8000) == "10.0.0.1:8000"
