"""The systemd unit, as far as it can be tried where systemd is not the first process."""

import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from idgen.layout import unpack
from idgen.web.server import DRAIN_LIMIT_S, MAX_CONNECTIONS, RESERVED_FILES
from tests.deploy.unit import UNIT, command, in_checkout, settings
from tests.end_to_end.fleet import TOP, answer, until

MAX_EXPOSURE = 1.5
"""Of 10, by systemd-analyze; a unit without hardening has 9.6.  It is 1.2 with systemd 252."""

CONFINED = [sys.executable, "-m", "tests.deploy.confined"]
SYSUSERS = UNIT.with_name("flake.sysusers.conf")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A copy whose files exist."""
    copy = tmp_path / UNIT.name
    copy.write_text(in_checkout(UNIT.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


def analyze(*words: str | Path) -> tuple[int, str]:
    told = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)
    return told.returncode, told.stdout + told.stderr


def free_worker_id() -> int:
    """One whose port nobody listens on, and that no fleet of this machine is likely to have."""
    while True:
        worker_id = random.randrange(100, 1024)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 8000 + worker_id)) != 0:
                return worker_id


def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path) -> None:
    assert analyze("verify", "--man=no", unit.with_name("flake@7.service")) == (0, "")


@pytest.mark.parametrize(
    "harm", ["ProtectClok=yes", "Type=exce", "SystemCallFilter=@systm-service"]
)
def test_systemd_would_say_what_is_wrong_with_it(unit: Path, harm: str) -> None:
    unit.write_text(unit.read_text().replace("[Service]", f"[Service]\n{harm}"))
    assert analyze("verify", "--man=no", unit.with_name("flake@7.service")) != (0, "")


def test_the_unit_is_exposed_to_little(unit: Path) -> None:
    threshold = f"--threshold={round(MAX_EXPOSURE * 10)}"
    status, told = analyze("security", "--offline=true", threshold, unit)
    assert status == 0, told


def test_an_instance_serves_its_worker_id_on_its_port_in_the_confines_of_the_unit(
    tmp_path: Path,
) -> None:
    worker_id = free_worker_id()
    port = 8000 + worker_id
    environment = {"STATE_DIRECTORY": str(tmp_path), "FLAKE_WORKER_ID": str(worker_id)}
    process = subprocess.Popen(CONFINED + command(worker_id), cwd=TOP, env=os.environ | environment)
    try:
        until(lambda: answer(port)[0] == 200, "it serves")
        assert unpack(int(answer(port)[1])).worker_id == worker_id
        assert answer(port, "/metrics")[0] == 200
        assert (tmp_path / f"worker-{worker_id}.grant").exists()
        executable = Path(f"/proc/{process.pid}/exe").resolve()
        assert executable == Path(sys.executable).resolve(), "the shell is gone"
        assert "Seccomp:\t2" in Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    "forbidden",
    [
        "import os; os.chown('.', 0, 0)",
        "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import time; time.clock_settime(time.CLOCK_REALTIME, time.time())",
    ],
)
def test_the_confines_of_the_unit_hold(forbidden: str) -> None:
    told = subprocess.run(
        [*CONFINED, sys.executable, "-c", forbidden], cwd=TOP, capture_output=True, text=True
    )
    assert "PermissionError" in told.stderr


def test_a_bad_setting_ends_an_instance_for_good() -> None:
    environment = os.environ | {"FLAKE_WORKER_ID": "1024"}
    told = subprocess.run(command(1024), env=environment, capture_output=True, text=True)
    assert told.stderr.startswith("flake: --worker_id: '1024' ")
    assert settings()["RestartPreventExitStatus"] == [str(told.returncode)]


def test_an_instance_may_finish_its_drain_and_have_all_its_connections() -> None:
    (limit,) = settings()["LimitNOFILE"]
    assert int(limit) >= MAX_CONNECTIONS + RESERVED_FILES
    (patience,) = settings()["TimeoutStopSec"]
    assert int(patience.removesuffix("s")) > DRAIN_LIMIT_S + 1


def test_the_user_of_the_unit_is_the_one_that_is_made_for_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", SYSUSERS], check=True)
    users = (tmp_path / "etc" / "passwd").read_text().splitlines()
    fields = dict(user.split(":", 1) for user in users)
    assert settings()["User"] == settings()["Group"] == [*fields]
    assert fields["flake"].endswith(":/var/lib/flake:/usr/sbin/nologin")
