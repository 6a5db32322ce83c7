"""Quotas on real parts: processes, Redis, nginx, and the recipe of the page."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.end_to_end.fleet import RULES, TOP, Fleet, answer, free_port, until
from tests.end_to_end.process import FLAKE, Process, running
from tests.redis_server import RedisServer

PAGE = (TOP / "docs" / "quota.md").read_text(encoding="utf-8")
GRANTS = ("--worker_id=1", "--grants=memory:")
CALL = "/quota/check?app=shop&user={user}&interface=orders&ip=192.0.2.7"


def rule(limit: int, more: str = "") -> str:
    return (
        f'[[rule]]\nname = "per-app"\nfields = ["app"]\nlimit = {limit}\nwindow_s = 3600\n{more}\n'
    )


def statuses(port: int, target: str, count: int, **headers: str) -> Counter[int]:
    """Of so many calls over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    found: Counter[int] = Counter()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    for _ in range(count):
        connection.request("GET", target, headers=named)
        response = connection.getresponse()
        response.read()
        found[response.status] += 1
    connection.close()
    return found


def remaining(port: int, app: str) -> int:
    status, text = answer(port, f"/quota/check?app={app}&cost=0")
    assert status == 200, text
    left: int = json.loads(text)["rules"][0]["remaining"]
    return left


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", "--appendfsync", "no") as server:  # a disk may take long
        yield server


def test_rules_are_taken_up_by_themselves_and_at_once_after_sighup(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rule(10))
    with running(tmp_path, *GRANTS, f"--quota_rules={file}") as process:
        until(process.serves, "it serves")
        assert remaining(process.port, "a") == 10
        file.write_text(rule(20))
        until(lambda: remaining(process.port, "a") == 20, "the change is seen")
        file.write_text(rule(20) + "limit = oops\n")
        process.process.send_signal(signal.SIGHUP)
        until(
            lambda: f"not reloaded: {file}:7: " in process.log, "the mistake is told with its line"
        )
        assert remaining(process.port, "a") == 20
        assert process.metric("flake_quota_rules_current") == 0
        file.write_text(rule(30))
        process.process.send_signal(signal.SIGHUP)
        until(lambda: remaining(process.port, "a") == 30, "it is mended")
        assert process.metric("flake_quota_rules_current") == 1
        assert process.serves(), "no signal ended it"


def test_a_start_with_bad_rules_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rule(0))
    options = [*GRANTS, f"--port={free_port()}", f"--quota_rules={file}"]
    ended = subprocess.run([*FLAKE, *options], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert f"--quota_rules: {file}:4: limit: 0 is not" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_sighup_ends_no_process_that_has_no_rules(tmp_path: Path) -> None:
    with running(tmp_path, *GRANTS) as process:
        until(process.serves, "it serves")
        process.process.send_signal(signal.SIGHUP)
        assert process.serves()
        assert process.stop() == 0


def test_many_arrays_at_once_are_all_counted(tmp_path: Path, redis: RedisServer) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rule(500))
    options = (f"--quota_rules={file}", f"--quota_store={redis.url}")
    with running(tmp_path, *GRANTS, *options) as process:
        until(process.serves, "it serves")
        checks = [{"app": "shop"}] * 1000
        with ThreadPoolExecutor(20) as pool:
            answered = list(pool.map(post, [process.port] * 20, [checks] * 20))
        assert sum(one["allowed"] for verdicts in answered for one in verdicts) == 500


def test_a_fleet_counts_together_and_usage_is_what_the_client_logged(
    tmp_path: Path, redis: RedisServer
) -> None:
    options = (f"--quota_rules={TOP / RULES}", f"--quota_store={redis.url}", "--grants=memory:")
    logged: Counter[str] = Counter()
    users = 2_000
    with (
        running(tmp_path, "--worker_id=1", *options) as one,
        running(tmp_path, "--worker_id=2", *options) as other,
    ):
        until(lambda: one.serves() and other.serves(), "both serve")
        checks = [
            {
                "app": "shop",
                "user": f"u{n % users}",
                "interface": f"i{n % 7}",
                "ip": f"10.0.0.{n % 2}",
            }
            for n in range(21_000)
        ]
        for begin in range(0, len(checks), 1000):
            port = (one, other)[begin // 1000 % 2].port
            part = checks[begin : begin + 1000]
            for check, verdict in zip(part, post(port, part), strict=True):
                logged["total" if verdict["allowed"] else "denied"] += 1
                logged[check["interface"]] += verdict["allowed"]
        assert logged["total"] == 20_000, "10,000 an hour from each of two addresses"
        until(lambda: usage(one.port)["total"] == 20_000, "the other process has flushed")
        told = usage(one.port)
        assert told["denied"] == logged["denied"] == 1_000
        assert told["interfaces"] == {f"i{n}": logged[f"i{n}"] for n in range(7)}
        assert abs(told["users"] - users) <= 0.02 * users
        assert answer(one.port, CALL.format(user="ann"))[0] == 200
        assert one.stop() == 0
        assert usage(other.port)["total"] == 20_001, "a stop loses nothing"


def post(port: int, checks: list[dict[str, Any]]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/quota/check", json.dumps(checks))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == 200, text
    return json.loads(text)


def usage(port: int) -> Any:
    return json.loads(answer(port, "/quota/usage?app=shop")[1])


def test_no_counter_is_without_an_end_after_kill_9_under_load(
    tmp_path: Path, redis: RedisServer
) -> None:
    options = (f"--quota_rules={TOP / RULES}", f"--quota_store={redis.url}")
    for _ in range(3):
        with running(tmp_path, *GRANTS, *options) as process:
            until(process.serves, "it serves")
            enough = redis.client.dbsize() + 300
            threads = [threading.Thread(target=hammer, args=(process, n)) for n in range(4)]
            for thread in threads:
                thread.start()
            until(partial(has_keys, redis, enough), "counters are made")
            process.kill()
            for thread in threads:
                thread.join()
    with Redis(port=redis.port) as client:  # whose keys are bytes
        keys = list(client.scan_iter(count=1000))
        assert len(keys) > 900
        assert all(client.ttl(key) > 0 for key in keys)


def has_keys(redis: RedisServer, enough: int) -> bool:
    return redis.client.dbsize() >= enough


def hammer(process: Process, seed: int) -> None:
    """Calls of ever new users, until nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    try:
        for number in range(100_000):
            connection.request("GET", CALL.format(user=f"u{seed}-{number}-{process.process.pid}"))
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass


@pytest.mark.parametrize(("policy", "status"), [("open", 200), ("closed", 503)])
def test_while_redis_is_away_the_policy_answers_and_then_quotas_hold_again(
    tmp_path: Path, redis: RedisServer, policy: str, status: int
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rule(1000, f'on_store_failure = "{policy}"'))
    options = (f"--quota_rules={file}", f"--quota_store={redis.url}")
    with running(tmp_path, *GRANTS, *options) as process:
        until(process.serves, "it serves")

        def counts() -> bool:
            return '"rules":[{' in answer(process.port, "/quota/check?app=a")[1]

        until(counts, "calls are counted")
        for lose, get_back in [(redis.stop, redis.go_on), (redis.kill, redis.start)]:
            lose()
            assert statuses(process.port, "/quota/check?app=a", 20) == {status: 20}
            get_back()
            until(counts, "they are counted again, by itself")
        unchecked = "allowed" if policy == "open" else "denied"
        name = rf'flake_quota_decisions_total{{outcome="unchecked_{unchecked}"}}'
        assert process.metric(name) >= 40
        assert process.log.count("decided on without") <= 4


def test_the_shipped_fleet_counts_an_application_in_one_process(tmp_path: Path) -> None:
    fleet = Fleet()
    (fleet.folder / "rules.toml").write_text(rule(30))
    fleet.environment |= {"FLAKE_QUOTA_RULES": "rules.toml", "FLAKE_TRUSTED_PROXIES": "127.0.0.1"}
    with fleet:
        for app in ("a", "b", "c", "d", "e"):
            found = statuses(fleet.public_port, f"/quota/check?app={app}", 40)
            assert found == {200: 30, 429: 10}, app
        tellers = [fleet.port(0), fleet.port(1)]
        totals = [json.loads(answer(port, "/quota/usage?app=a")[1])["total"] for port in tellers]
        assert sorted(totals) == [0, 30]
        owner = fleet.pid(totals.index(30))
        spoofed = {"X_App_Id": "a", "X_User_Id": "x", "X_Forwarded_For": "192.0.2.1"}
        assert statuses(fleet.public_port, "/", 40, **spoofed) == {200: 40}, "nginx clears them"
        os.kill(owner, signal.SIGSTOP)
        try:
            found = statuses(fleet.public_port, "/quota/check?app=a", 3)
            assert found == {503: 3}, "nobody else is asked: it may have been charged"
        finally:
            os.kill(owner, signal.SIGCONT)


class Service(BaseHTTPRequestHandler):
    """Stands for whatever is protected."""

    def do_GET(self) -> None:
        self.send_response(403 if self.path.endswith("/forbidden") else 200)
        self.end_headers()
        self.wfile.write(b"served")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def recipe(folder: Path, quota_port: int) -> Iterator[int]:
    """nginx with the recipe of the page, before a service; its port."""
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    port = free_port()
    (server,) = re.findall(r"^```nginx\n(upstream quota.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    server = server.replace("    server 127.0.0.1:8001 max_fails=0;\n", "")
    for shipped, ours in [(8000, quota_port), (8090, port), (8091, service.server_port)]:
        assert f"127.0.0.1:{shipped}" in server
        server = server.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{ours}")
    paths = "\n".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "recipe.conf"
    http_block = f"http {{ access_log off;\n{paths}\n{server}}}"
    file.write_text(f"pid {folder}/nginx.pid;\nevents {{}}\n{http_block}\n")
    command = ["nginx", "-p", str(folder), "-c", str(file), "-e", "stderr", "-g", "daemon off;"]
    environment = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"}
    with (folder / "nginx.log").open("ab") as log:
        nginx = subprocess.Popen(command, env=environment, stderr=log)
    try:
        until(lambda: answer(port)[0] == 404, "nginx answers")
        yield port
    finally:
        nginx.terminate()
        nginx.wait(30)
        service.shutdown()
        service.server_close()


def test_the_recipe_for_nginx_protects_any_service(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "per-user"\nfields = ["app", "user", "interface", "ip"]\n'
        "limit = 3\nwindow_s = 3600\n"
    )
    key = {"X_Api_Key": "k-7f3a"}
    with running(tmp_path, *GRANTS, f"--quota_rules={rules}") as process:
        until(process.serves, "it serves")
        with recipe(tmp_path, process.port) as port:
            assert statuses(port, "/api/orders", 1) == {401: 1}
            assert statuses(port, "/api/orders", 5, **key) == {200: 3, 429: 2}
            assert statuses(port, "/api/orders/7", 1, **key) == {429: 1}, "the same interface"
            assert statuses(port, "/api/prices", 1, **key) == {200: 1}
            assert statuses(port, "/api/orders", 4, **key, X_User="ann") == {200: 3, 429: 1}
            for user in ("ann&cost=0", "bob&app=press", "x y", "é"):
                headers = {**key, "X_User": user}
                assert statuses(port, "/api/injected", 1, **headers).keys() <= {200, 429}
            assert statuses(port, "/api/injected", 1, **key, X_User="a&cost=0") == {429: 1}
            assert statuses(port, f"/api/{'x' * 129}", 1, **key, X_User="y" * 129) == {200: 1}
            assert statuses(port, "/api/forbidden", 1, **key) == {403: 1}, "the service's own"
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/api/orders", headers={"X-Api-Key": "k-7f3a"})
            denied = connection.getresponse()
            assert denied.headers["Content-Type"] == "application/problem+json"
            assert 3590 <= int(denied.headers["Retry-After"]) <= 3600
            assert denied.headers["RateLimit"].startswith('"per-user";r=0;t=3')
            assert json.loads(denied.read())["status"] == 429
            connection.close()
            totals = json.loads(answer(process.port, "/quota/usage?app=shop")[1])
            assert (totals["total"], totals["denied"]) == (12, 7)
            process.kill()
            assert statuses(port, "/api/orders", 3, **key) == {200: 3}, "nobody decides"
