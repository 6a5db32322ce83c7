import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.fleet import TOP, answer, free_port, until


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """HOST:PORT of a real process with worker_id 5."""
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, TOP / "flake.py", "--worker_id=5", f"--port={port}"),
            *("--grants=memory:", "--logging=error"),
        ]
    )
    try:
        until(lambda: answer(port)[0] == 200, "it serves")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def nobody() -> str:
    """HOST:PORT at which nobody listens."""
    return f"127.0.0.1:{free_port()}"
