"""The shipped fleet on ports of its own: real supervisord, real nginx, the shipped files."""

import http.client
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TOP = Path(__file__).parent.parent.parent
CONFIGURATION = ("supervisord.conf", "nginx.conf")
WORKERS = 2
RULES = "quota.example.toml"


class Fleet:
    """A folder as `make run` sees it, whose ports are shifted from 8xxx to NN8xxx.

    So the tests run beside a fleet of the developer's; their state is in the folder too.
    Nothing else differs from the shipped files, but for an `environment` of the processes
    and another worker_id where a test gives them.
    """

    def __init__(self, environment: str | None = None, worker_id: str | None = None) -> None:
        self.shift = _free_shift()
        self.folder = Path(tempfile.mkdtemp(prefix="flake-"))
        for name in CONFIGURATION:
            text = self.shifted((TOP / name).read_text(encoding="utf-8"))
            if environment and name == "supervisord.conf":
                text = text.replace(
                    "[program:flake]\n", f"[program:flake]\nenvironment = {environment}\n"
                )
            if worker_id:
                text = text.replace("--worker_id=%(process_num)d", f"--worker_id={worker_id}")
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "run").mkdir()
        for name in ("flake.py", "idgen", "deploy", "Makefile", "requirements", "setup.py", RULES):
            (self.folder / name).symlink_to(TOP / name)
        (self.folder / ".venv").symlink_to(sys.prefix)
        # In memory: on a busy disk an fdatasync can take longer than the half second that an
        # extension has, and then clients do see a 503.
        memory = Path("/dev/shm")
        self._state = Path(
            tempfile.mkdtemp(prefix="flake-", dir=memory if memory.is_dir() else None)
        )
        self.environment = os.environ | {
            "PATH": os.environ["PATH"] + ":/usr/sbin",
            "STATE_DIRECTORY": str(self._state),
        }

    def shifted(self, text: str) -> str:
        """The text with the fleet's ports for the shipped ones, wherever they stand."""
        text = re.sub(r"--port=8(?=%)", f"--port={self.shift}8", text)
        text = re.sub(r"(127\.0\.0\.1|localhost):8(?=\d{3}\b)", rf"\1:{self.shift}8", text)
        return re.sub(r"(--peers=\S+-)8(?=\d{3}\b)", rf"\g<1>{self.shift}8", text)

    @property
    def public_port(self) -> int:
        """nginx's."""
        return self.shift * 10_000 + 8080

    def port(self, worker_id: int) -> int:
        """The loopback port of a process."""
        return self.shift * 10_000 + 8000 + worker_id

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.remove()

    def start(self) -> None:
        """Returns when it serves."""
        self._supervisord = subprocess.Popen(
            [Path(sys.prefix) / "bin" / "supervisord", "-n", "-s", "-c", "supervisord.conf"],
            cwd=self.folder,
            env=self.environment,
        )
        try:
            until(self.serves, "the fleet serves")
        except AssertionError:
            self._supervisord.terminate()
            raise

    def stop(self) -> None:
        """Returns when all of it has ended well."""
        self._supervisord.terminate()
        assert self._supervisord.wait(60) == 0

    def show_logs(self) -> None:
        """Print the ends of all logs, for whoever looks into a failure."""
        for log in sorted((self.folder / "run").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-3000:]}")

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)
        shutil.rmtree(self._state)

    def serves(self) -> bool:
        """Whether each process and nginx give IDs."""
        ports = [self.public_port, *(self.port(worker_id) for worker_id in range(WORKERS))]
        return all(answer(port)[0] == 200 for port in ports)

    def control(self, *command: str) -> str:
        """What supervisorctl prints."""
        run = subprocess.run(
            [Path(sys.prefix) / "bin" / "supervisorctl", "-c", "supervisord.conf", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return run.stdout.strip()

    def pid(self, worker_id: int) -> int:
        """The process's id; 0 while there is none."""
        return int(self.control("pid", f"flake:flake-{worker_id}"))

    def stats(self, worker_id: int) -> Any:
        """`/stats` of a process."""
        return json.loads(answer(self.port(worker_id), "/stats")[1])


def answer(port: int, target: str = "/") -> tuple[int, str]:
    """Status and text of a GET; status 0 where there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def until(holds: Callable[[], bool], what: str, within_s: float = 60) -> None:
    """Wait until it holds; an AssertionError that says what didn't, after a long while."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that no client is given as its own.

    The kernel gives clients those from 32768 on; one that connects to a port on which nobody
    listens for a while can even meet itself there, and then holds it.
    """
    while _listens(port := random.randrange(20_000, 32_000)):
        pass
    return port


def _free_shift() -> int:
    """The digit before 8000, 8001 and 8080 that makes ports which nobody listens on."""
    for shift in (1, 2, 3, 4, 5):
        ports = [shift * 10_000 + port for port in (8000, 8001, 8080)]
        if not any(_listens(port) for port in ports):
            return shift
    raise AssertionError("no free ports")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
