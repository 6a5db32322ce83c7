"""The programs of docs/clients.md in a shell, Go, Java and JavaScript run, and fail over."""

import http.server
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.clients_page import PAGE, PROGRAMS, ids_of, output, run, serving, write
from tests.end_to_end.fleet import free_port

LANGUAGES = {"next_id.go": ("go", "run"), "NextId.java": ("java",), "next_id.mjs": ("node",)}
GOLDEN = 2248254318702493695
"""As a double it would be another number, unlike one whose sequence is 0."""
DEAD_SERVERS = 31
"""So many that one of them is nearly always drawn before the one that lives."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


class GivesGolden(http.server.BaseHTTPRequestHandler):
    status, text = 200, b"%d" % GOLDEN

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)


class Refuses(GivesGolden):
    status, text = 500, b"1"


@contextmanager
def answering(handler: type[GivesGolden]) -> Iterator[str]:
    """The address of one that answers so."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.05]).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def tool(name: str) -> tuple[str, ...]:
    """What runs a program; without it the test is skipped."""
    if not shutil.which(LANGUAGES[name][0]):
        pytest.skip(f"{LANGUAGES[name][0]} isn't installed")
    return LANGUAGES[name]


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_program_in_another_language_prints_an_id(
    tmp_path: Path, servers: str, name: str
) -> None:
    write(tmp_path, servers, name)
    assert len(ids_of(output(tmp_path, servers, *tool(name), name))) == 1


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_program_in_another_language_passes_over_servers_that_fail_and_keeps_all_digits(
    tmp_path: Path, name: str
) -> None:
    dead = [f"127.0.0.1:{free_port()}"] * DEAD_SERVERS
    with answering(GivesGolden) as alive, answering(Refuses) as refusing:
        servers = ",".join([*dead, refusing, alive])
        write(tmp_path, servers, name)
        assert output(tmp_path, servers, *tool(name), name) == f"{GOLDEN}\n"


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_program_in_another_language_gives_a_server_up_that_hangs(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(PROGRAMS[name], encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        server = f"127.0.0.1:{hanging.getsockname()[1]}"
        ended = run(tmp_path, server, *tool(name), name)
    assert ended.returncode != 0
    assert "gave an ID" in ended.stderr


def test_the_shell_passes_over_a_server_that_is_dead(tmp_path: Path, servers: str) -> None:
    (line,) = re.findall(r"^for server in .*$", PAGE, re.MULTILINE)
    assert line.count("127.0.0.1:8000") == line.count("127.0.0.1:8001") == 1
    alive = servers.partition(",")[0]
    dead = " ".join([f"127.0.0.1:{free_port()}"] * DEAD_SERVERS)
    line = line.replace("127.0.0.1:8000", dead).replace("127.0.0.1:8001", alive)
    line = line.replace("--max-time 1 ", "--max-time 60 ")
    assert len(ids_of(output(tmp_path, servers, "bash", "-euo", "pipefail", "-c", line))) == 1
