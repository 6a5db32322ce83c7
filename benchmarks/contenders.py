"""What is measured, and what it is measured beside: servers on loopback, each on its cores.

Every contender answers `GET /` with 19 digits, keeps connections alive without a limit, logs no
request and sends Content-Type, Content-Length, Cache-Control and Date (nginx and Go add or leave
out a header of their own: some tens of bytes).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
SERVER_CORE, LOAD_CORE = 0, 1
HTTP_GET = (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 ")
PING = (b"PING\r\n", b"+PONG")
"""What a server is asked once it should listen, and how its answer begins."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_ENVIRONMENT = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin", "GOMAXPROCS": "1"}


@dataclass
class Contender:
    """A running server: where it listens, and the processes that do its work."""

    name: str
    port: int
    pids: list[int]

    def cpu_us(self) -> float:
        """CPU time of the processes so far, user and system; to 10 ms."""
        return sum(_ticks(pid) for pid in self.pids) / _TICKS_A_SECOND * 1e6

    def memory_mb(self) -> float:
        """Resident memory of the processes."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids)
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Stage:
    """Starts contenders in a folder of its own, and ends those that it started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = filter(_is_free, range(21_000, 22_000))
        self._running = ExitStack()

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def plain_tornado(self) -> Contender:
        """The reference that this service replaces, in ten lines of handler."""
        return self._python("plain Tornado", HERE / "plain_tornado.py", "{port}")

    def flake(self, name: str = "Flake", *settings: str, clock: str = "") -> Contender:
        """The shipped command with grants on a disk in memory."""
        port = next(self._ports)
        return self._python(
            name,
            TOP / "flake.py",
            f"--worker_id={port % 1024}",
            f"--port={port}",
            f"--grants=file:{self._folder / 'state'}",
            "--logging=error",
            *settings,
            port=port,
            clock=clock,
        )

    def nginx_constant(self) -> Contender:
        """nginx `return 200`."""
        return self._nginx("nginx return 200", (HERE / "constant.conf").read_text())

    def go_constant(self) -> Contender | None:
        """Go's net/http; None where there is no Go."""
        if shutil.which("go") is None:
            return None
        binary = self._folder / "constant"
        environment = _ENVIRONMENT | {"GOCACHE": str(self._folder / "go"), "GO111MODULE": "off"}
        subprocess.run(
            ["go", "build", "-o", binary, HERE / "constant.go"], check=True, env=environment
        )
        port = next(self._ports)
        process = self._start([str(binary), str(port)], port, {})
        return Contender("Go net/http", port, [process.pid])

    def redis(self, core: int | None) -> Contender:
        """A redis-server that keeps nothing on a disk."""
        port = next(self._ports)
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port)]
        command += ["--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        process = self._start(command, port, {}, core, PING)
        return Contender("Redis", port, [process.pid])

    def write(self, name: str, text: str) -> Path:
        """A file that the servers read."""
        path = self._folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def fleet(self, name: str, behind: list[Contender], without: str = "") -> Contender:
        """The shipped nginx.conf in front of two servers.  They are let off their core.

        without: what isn't to be in that file.
        """
        text = (TOP / "nginx.conf").read_text(encoding="utf-8")
        assert without in text
        text = text.replace(without, "") if without else text
        for shipped, contender in zip(("8000", "8001"), behind, strict=True):
            text = text.replace(f"127.0.0.1:{shipped} ", f"127.0.0.1:{contender.port} ")
            for pid in contender.pids:
                os.sched_setaffinity(pid, {SERVER_CORE, LOAD_CORE})
        text = text.replace("127.0.0.1:8080", "127.0.0.1:PORT").replace(
            "run/nginx.pid", "nginx-PORT.pid"
        )
        front = self._nginx(name, "daemon off;\n" + text, core=None)
        pids = [*front.pids, *(pid for contender in behind for pid in contender.pids)]
        return Contender(name, front.port, pids)

    def _python(
        self, name: str, script: Path, *arguments: str, port: int = 0, clock: str = ""
    ) -> Contender:
        port = port or next(self._ports)
        command = [sys.executable, str(script), *(word.format(port=port) for word in arguments)]
        extra = {"FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if clock else {}
        if clock:
            extra["LD_PRELOAD"] = _libfaketime()
        return Contender(name, port, [self._start(command, port, extra).pid])

    def _nginx(self, name: str, text: str, core: int | None = SERVER_CORE) -> Contender:
        port = next(self._ports)
        folder = self._folder / f"nginx-{port}"
        (folder / "run").mkdir(parents=True)
        (folder / "nginx.conf").write_text(text.replace("PORT", str(port)), encoding="utf-8")
        command = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
        master = self._start(command, port, {}, core)
        workers = subprocess.run(
            ["pgrep", "-P", str(master.pid)], capture_output=True, text=True, check=True
        )
        return Contender(name, port, [int(pid) for pid in workers.stdout.split()])

    def _start(
        self,
        command: list[str],
        port: int,
        extra: dict[str, str],
        core: int | None = SERVER_CORE,
        greeting: tuple[bytes, bytes] = HTTP_GET,
    ) -> "subprocess.Popen[bytes]":
        pin = [] if core is None else ["taskset", "-c", str(core)]
        process = subprocess.Popen(
            pin + command, env=_ENVIRONMENT | extra, stdout=subprocess.DEVNULL
        )
        self._running.callback(_end, process)
        deadline_s = time.monotonic() + 20
        while not _answers(port, *greeting):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"bench: {' '.join(command)} doesn't serve")
            time.sleep(0.05)
        return process


@contextmanager
def stage() -> Iterator[Stage]:
    """A folder in memory, and what runs in it until the block ends."""
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() else Path(os.environ.get("TMPDIR", "/tmp"))
    folder = base / f"flake-bench-{os.getpid()}"
    folder.mkdir()
    try:
        with Stage(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _answers(port: int, question: bytes, answer: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.sendall(question)
            return client.recv(100).startswith(answer)
    except OSError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _libfaketime() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise SystemExit("bench: libfaketime is missing; `make bench` installs it")
    return str(found[0])
