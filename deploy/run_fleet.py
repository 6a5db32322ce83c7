"""The fleet in the foreground: supervisord with the shipped files, until Ctrl-C.

Says one ID, the address and that of the page once it serves.  Run by `make run`, from the top of
the checkout.
"""

import errno
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
RUN = TOP / "run"
READY_WITHIN_S = 30
SETTLED_AFTER_S = 2.5
"""supervisord loses a signal that it passes to a process it is just starting."""


def main() -> None:
    """Exit status 0 after Ctrl-C or SIGTERM, 1 where the fleet can't run."""
    if "%" in str(TOP):
        sys.exit(f"{TOP}: supervisord can't run from a path with a % in it")
    nginx_conf = (TOP / "nginx.conf").read_text(encoding="utf-8")
    listens = re.findall(r"^\s*listen\s+(\S+?)((?:\s+\w+)*)\s*;", nginx_conf, re.MULTILINE)
    servers = re.findall(r"^\s*server\s+([0-9.]+:\d+)", nginx_conf, re.MULTILINE)
    for address in (*(address for address, _ in listens), *servers):
        _must_be_free(address)
    address, flags = listens[0]
    scheme = "https" if "ssl" in flags.split() else "http"
    try:
        RUN.mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(f"{RUN} can't be made: {error.strerror}")
    _serve(f"{scheme}://{_reachable(address)}/", f"http://{servers[0]}/ui")


def _serve(url: str, page: str) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, signal.default_int_handler)
    started_s = time.monotonic()
    # A session of its own: Ctrl-C is for this program, which then stops the fleet in order.
    fleet = subprocess.Popen(
        [Path(sys.executable).with_name("supervisord"), "-n", "-s", "-c", TOP / "supervisord.conf"],
        env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"},  # where Debian has nginx
        start_new_session=True,
    )
    try:
        flake_id = _first_id(url, fleet)
        print(f"{flake_id}\nserving on {url} (logs: run/, stop: Ctrl-C)", flush=True)
        print(f"the fleet, and any ID explained: {page}", flush=True)
        fleet.wait()
        sys.exit("supervisord has ended; see run/supervisord.log")
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
    finally:
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, signal.SIG_IGN)
        if fleet.poll() is None:
            time.sleep(max(0.0, started_s + SETTLED_AFTER_S - time.monotonic()))
        fleet.terminate()
        fleet.wait()


def _reachable(address: str) -> str:
    """HOST:PORT at which what listens on an nginx address can be asked from here."""
    if address.isdigit():
        return f"127.0.0.1:{address}"
    return re.sub(r"^(0\.0\.0\.0|\*|\[::\])(?=:)", "127.0.0.1", address)


def _must_be_free(address: str) -> None:
    """End with a message where nobody could listen there."""
    host, _, port = _reachable(address).rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sys.exit(f"{address} is taken; does a fleet run already?")
            if error.errno != errno.EACCES:  # a low port that nginx may have for all we know
                sys.exit(f"{address}: {error.strerror}")


def _first_id(url: str, fleet: subprocess.Popen[bytes]) -> str:
    anybody = ssl.create_default_context()  # the certificate may name a host that isn't us
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    deadline_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline_s and fleet.poll() is None and not _has_given_up():
        try:
            with urllib.request.urlopen(url, timeout=1, context=anybody) as answer:
                return str(answer.read(), "ascii")
        except OSError:
            time.sleep(0.1)
    for log in sorted(RUN.glob("*.log")):
        print(f"--- {log.name}", *log.read_text().splitlines()[-3:], sep="\n", file=sys.stderr)
    sys.exit(f"the fleet gives no ID on {url}")


def _has_given_up() -> bool:
    """Whether a process ended at once, which a bad setting makes it do."""
    log = RUN / "supervisord.log"
    return log.exists() and "(exit status 2; not expected)" in log.read_text()


if __name__ == "__main__":
    main()
