"""What docs/clients.md prints for Python runs, and what it says of arguments and errors holds."""

import inspect
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery  # type: ignore[import-untyped] # it ships no types

from idgen.client import AsyncClient, BadArgument, Client, ClientError
from tests.end_to_end.clients_page import (
    PAGE,
    PRINTED_SERVERS,
    environment,
    ids_of,
    output,
    serving,
    write,
)
from tests.end_to_end.fleet import TOP, until
from tests.redis_server import RedisServer

README = (TOP / "README.md").read_text(encoding="utf-8")
PYTHON = (sys.executable,)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.mark.parametrize("name", ["one_id.py", "one_id_async.py"])
def test_a_first_program_prints_ids(tmp_path: Path, servers: str, name: str) -> None:
    write(tmp_path, servers, name)
    assert len(ids_of(output(tmp_path, servers, *PYTHON, name))) == 4


def test_the_program_of_the_readme_prints_an_id(tmp_path: Path, servers: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (text,) = (block for block in blocks if PRINTED_SERVERS in block)
    text = text.replace(PRINTED_SERVERS, f"{servers.split(',')}, deadline_s=60")
    assert len(ids_of(output(tmp_path, servers, *PYTHON, "-c", text))) == 1


def test_an_id_decodes_to_what_the_page_says(tmp_path: Path) -> None:
    write(tmp_path, "", "parts.py")
    said = re.search(r"^```\n```text\n(.* \d+ \d+\n)```$", PAGE, re.MULTILINE)
    assert said
    assert output(tmp_path, "", *PYTHON, "parts.py") == said[1]


DJANGO_SETTINGS = """
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}}
INSTALLED_APPS = ["shop"]
"""
DJANGO_ROWS = """
import django
django.setup()
from shop.models import Order
Order.objects.create(what="tea")
Order(what="milk").save()
Order.objects.bulk_create(Order(what="a biscuit") for _ in range(50))
print(*Order.objects.values_list("pk", flat=True))
"""


def test_django_makes_keys_and_names_their_function_in_migrations(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop_settings")
    write(tmp_path, servers, "ids.py", "shop/models.py")
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop_settings.py").write_text(DJANGO_SETTINGS, encoding="utf-8")
    output(tmp_path, servers, *PYTHON, "-m", "django", "makemigrations", "shop")
    (migration,) = (tmp_path / "shop" / "migrations").glob("0001_*.py")
    assert "default=ids.new_id," in migration.read_text(encoding="utf-8")
    output(tmp_path, servers, *PYTHON, "-m", "django", "migrate")
    assert len(ids_of(output(tmp_path, servers, *PYTHON, "-c", DJANGO_ROWS))) == 52


def test_sqlalchemy_makes_keys(tmp_path: Path, servers: str) -> None:
    write(tmp_path, servers, "ids.py", "rows.py")
    printed = [ids_of(output(tmp_path, servers, *PYTHON, "rows.py")) for _ in range(2)]
    stored = sqlite3.connect(tmp_path / "orders.db").execute("select id from orders").fetchall()
    assert sorted(stored) == sorted(tuple(ids) for ids in printed)


CELERY_PARENT = """
from pathlib import Path
from ids import new_id
from tasks import app
Path("taken_before_the_fork").write_text(str(new_id()))
"""
CELERY_WORKER = ("-m", "celery", "-A", "parent", "worker", "--pool=prefork", "--concurrency=2")
CELERY_ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@contextmanager
def celery_worker(folder: Path, servers: str) -> Iterator[None]:
    with (folder / "celery.log").open("w") as log:
        worker = subprocess.Popen(
            [*PYTHON, *CELERY_WORKER, *CELERY_ALONE],
            cwd=folder,
            env=environment(servers),
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        worker.terminate()
        status = worker.wait(60)
    assert status == 0, (folder / "celery.log").read_text()


def test_the_processes_of_celery_share_no_id_with_each_other_or_their_parent(
    tmp_path: Path, servers: str
) -> None:
    write(tmp_path, servers, "ids.py", "tasks.py")
    (tmp_path / "parent.py").write_text(CELERY_PARENT, encoding="utf-8")
    with RedisServer(tmp_path / "redis") as redis:
        tasks = tmp_path / "tasks.py"
        tasks.write_text(tasks.read_text().replace("127.0.0.1:6379", f"127.0.0.1:{redis.port}"))
        app = Celery(broker=redis.url, backend=redis.url)
        made: list[dict[str, str | int]] = []

        def two_have_made_orders() -> bool:
            sent = [app.send_task("tasks.make_order", ["tea"]) for _ in range(30)]
            made.extend(each.get(timeout=60) for each in sent)
            return len({order["pid"] for order in made}) == 2

        with celery_worker(tmp_path, servers):
            until(two_have_made_orders, "both children have made orders")
        app.close()
    before_the_fork = (tmp_path / "taken_before_the_fork").read_text()
    ids_of(" ".join([before_the_fork, *(str(order["id"]) for order in made)]))


def rows_of(heading: str) -> dict[str, list[str]]:
    """A table of the page, by the name in its first column."""
    lines = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_the_page_has_each_argument_with_its_default(client: type) -> None:
    required = inspect.Parameter.empty
    defaults = {
        name: "required" if parameter.default is required else str(parameter.default)
        for name, parameter in inspect.signature(client).parameters.items()
    }
    assert {name: cells[0] for name, cells in rows_of("argument").items()} == defaults


@pytest.mark.parametrize("argument", ["timeout_s", "deadline_s", "max_age_s", "prefetch"])
def test_the_page_has_the_range_of_each_argument(argument: str) -> None:
    lowest, highest = re.findall(r"[\d.]+", rows_of("argument")[argument][1])
    Client("127.0.0.1:8080", **{argument: int(highest)})
    for outside in (int(highest) + 1, int(lowest) - 1):
        with pytest.raises(BadArgument):
            Client("127.0.0.1:8080", **{argument: outside})


def test_the_page_has_each_error() -> None:
    errors = {error.__name__ for error in ClientError.__subclasses__()}
    assert rows_of("exception").keys() == errors | {"BadArgument", "ImportError"}
