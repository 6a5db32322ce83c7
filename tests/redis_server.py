"""A real Redis of the test's own: started, tormented and stopped by it."""

import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.end_to_end.fleet import free_port, until


class RedisServer:
    """Debian's redis-server in a folder of its own, which keeps each write in an AOF.

    Further words are settings as on its command line: "--requirepass", "secret".
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """What `--grants` takes."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> "redis.Redis":
        """For looking into it, and for doing things to it."""
        return redis.Redis(
            port=self.port, decode_responses=True, retry=Retry(NoBackoff(), 0), socket_timeout=5
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it answers."""
        self.launch()
        try:
            until(self._answers, "Redis answers")
        except AssertionError:
            self.kill()
            raise

    def launch(self) -> None:
        """Returns at once."""
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "yes"]
        command += ["--appendfsync", "always", "--enable-debug-command", "yes", *self._settings]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def know(self, worker_ids: range) -> None:
        """As if these had been released in this run: free, and without a quarantine."""
        run_id = self.client.info("server")["run_id"]
        for worker_id in worker_ids:
            record = {"floor": 0, "ceiling": worker_id, "run_id": run_id}
            self.client.hset(f"flake:worker:{worker_id}", mapping=record)  # type: ignore[arg-type]

    def kill(self) -> None:
        """As a machine that fails does it; what it has written stays."""
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def lose_data(self) -> None:
        """Delete what a killed one has written."""
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    def snapshot(self) -> Path:
        """A copy of what it has written so far, for put_back."""
        copy = self.folder / "snapshot"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "appendonlydir", copy)
        return copy

    def put_back(self, copy: Path) -> None:
        """Have a killed one find the data of a snapshot."""
        self.lose_data()
        shutil.copytree(copy, self.folder / "appendonlydir")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.AuthenticationError:
            return True
        except (redis.ConnectionError, redis.TimeoutError):
            return False
