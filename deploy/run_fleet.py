"""The fleet in the foreground: supervisord with the shipped files, until Ctrl-C.

Says one ID and the address once it serves.  Run by `make run`, from the top of the checkout.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SUPERVISORD_LOG = Path("run", "supervisord.log")
READY_WITHIN_S = 30


def main() -> None:
    """Exit status 0 after Ctrl-C or SIGTERM, 1 where the fleet can't run."""
    nginx_conf = (TOP / "nginx.conf").read_text(encoding="utf-8")
    address = re.findall(r"^ +listen ([0-9.:]+);", nginx_conf, re.MULTILINE)[0]
    for busy in filter(
        _is_taken, [address, *re.findall(r"^ +server ([0-9.:]+)", nginx_conf, re.M)]
    ):
        sys.exit(f"{busy} is taken; does a fleet run already?")
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, signal.default_int_handler)
    (TOP / "run").mkdir(exist_ok=True)
    # A session of its own: Ctrl-C is for this program, which then stops the fleet in order.
    fleet = subprocess.Popen(
        [Path(sys.executable).with_name("supervisord"), "-n", "-s", "-c", TOP / "supervisord.conf"],
        env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"},  # where Debian has nginx
        start_new_session=True,
    )
    try:
        flake_id = _first_id(f"http://{address}/", fleet)
        print(f"{flake_id}\nserving on http://{address}/ (logs: run/, stop: Ctrl-C)", flush=True)
        fleet.wait()
        sys.exit(f"supervisord has ended; see {SUPERVISORD_LOG}")
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
    finally:
        fleet.terminate()
        fleet.wait()


def _is_taken(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return True
    return False


def _first_id(url: str, fleet: subprocess.Popen[bytes]) -> str:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline_s and fleet.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return str(answer.read(), "ascii")
        except OSError:
            time.sleep(0.1)
    sys.exit(f"no ID from {url} within {READY_WITHIN_S} s; see {SUPERVISORD_LOG} and run/*.log")


if __name__ == "__main__":
    main()
