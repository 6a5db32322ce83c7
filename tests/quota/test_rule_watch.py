import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from idgen.quota.rule_file import BadRules
from idgen.quota.rule_watch import LOOK_EVERY_S, MAX_RULE_FILE_BYTES, RuleFile, RuleWatch
from idgen.quota.rules import Rules
from tests.quota.rule_texts import table

ONE = table(name='"one"')
TWO = ONE + table(name='"two"')


class Naps:
    """Stands for asyncio.sleep: a nap ends when the test says so."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.begun = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.begun.set()
        await self.over.wait()
        self.over.clear()


class Bench:
    """A file that is loaded and watched, and what becomes of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text(ONE)
        self.file = RuleFile(path)
        self.adopted = [self.file.load()]
        self.error: Exception | None = None
        self.while_adopting: list[Callable[[], None]] = []
        self.naps = Naps()
        self.watch = RuleWatch(self.file, self.adopt, self.naps)

    def adopt(self, rules: Rules) -> None:
        if self.error:
            raise self.error
        self.adopted.append(rules)
        if self.while_adopting:
            self.while_adopting.pop()()

    @property
    def names(self) -> list[str]:
        return [rule.name for rule in self.adopted[-1].all]

    @property
    def counts(self) -> tuple[int, int, bool]:
        return self.watch.reloads, self.watch.refused, self.watch.healthy

    async def look(self, times: int = 1) -> None:
        """Let the watch wake up, and wait until it has looked and sleeps again."""
        for _ in range(times):
            await self._until_asleep(self.naps.over.set)

    async def look_soon(self) -> None:
        await self._until_asleep(self.watch.look_soon)

    async def _until_asleep(self, wake: Callable[[], None]) -> None:
        await self.naps.begun.wait()
        self.naps.begun.clear()
        wake()
        await self.naps.begun.wait()


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]
Run = Callable[[Scenario], None]


@pytest.fixture
def run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Run:
    """Runs a scenario beside a watch of quota.toml, which must be alive at its end."""
    caplog.set_level(logging.INFO)

    async def with_watch(scenario: Scenario) -> None:
        bench = Bench(tmp_path / "quota.toml")
        running = asyncio.create_task(bench.watch.run())
        await scenario(bench)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == {asyncio.current_task()}

    return lambda scenario: asyncio.run(with_watch(scenario))


def test_a_change_is_adopted_at_the_next_look(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        bench.path.write_text(TWO)
        await bench.look()
        assert bench.names == ["one", "two"]
        assert bench.counts == (1, 0, True)
        assert caplog.messages == [
            f"quota rules reloaded from {bench.path}, 2 rules: one, two",
        ]
        assert caplog.records[0].levelname == "INFO"
        bench.path.write_text(ONE)
        await bench.look()
        assert bench.names == ["one"]
        assert caplog.messages[1:] == [f"quota rules reloaded from {bench.path}, 1 rule: one"]

    run(scenario)


def test_a_change_is_seen_within_5_s() -> None:
    assert LOOK_EVERY_S < 5


def test_looks_come_at_their_interval(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.look(2)
        assert bench.naps.seconds == [LOOK_EVERY_S] * 3

    run(scenario)


def test_a_file_that_has_not_changed_is_not_adopted_again(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.look(2)
        os.utime(bench.path, (1, 1))
        await bench.look()
        assert len(bench.adopted) == 1
        assert bench.counts == (0, 0, True)
        assert caplog.messages == []

    run(scenario)


def test_a_change_that_keeps_the_time_and_the_length_is_seen(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        times = bench.path.stat()
        bench.path.write_text(ONE.replace("one", "two"))
        os.utime(bench.path, ns=(times.st_atime_ns, times.st_mtime_ns))
        await bench.look()
        assert bench.names == ["two"]

    run(scenario)


def test_a_file_put_in_place_of_the_old_one_is_seen(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        successor = bench.path.with_name("successor")
        successor.write_text(TWO)
        successor.rename(bench.path)
        await bench.look()
        assert bench.names == ["one", "two"]

    run(scenario)


def test_a_change_between_the_start_and_the_first_look_is_seen(tmp_path: Path) -> None:
    file = RuleFile(tmp_path / "quota.toml")
    file.path.write_text(ONE)
    file.load()
    assert file.load_changed() is None
    file.path.write_text(TWO)
    changed = file.load_changed()
    assert changed
    assert len(changed.all) == 2


def test_a_bad_file_is_refused_once_and_the_old_rules_stay(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.path.write_text(table(limit="0"))
        await bench.look(3)
        assert len(bench.adopted) == 1
        assert bench.counts == (0, 1, False)
        assert caplog.messages == [
            f"quota rules not reloaded: {bench.path}:4: limit: 0 is not a whole number from 1 to "
            "1000000000; the old ones stay"
        ]
        assert caplog.records[0].levelname == "ERROR"
        assert not caplog.records[0].exc_info

    run(scenario)


def test_another_bad_content_is_refused_anew(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        bench.path.write_text(table(limit="0"))
        await bench.look()
        bench.path.write_text(table(limit="0") + "# is this better?")
        await bench.look(2)
        assert bench.counts == (0, 2, False)
        assert len(caplog.messages) == 2

    run(scenario)


def test_what_was_good_is_adopted_again_after_what_was_bad(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.path.write_text("")
        await bench.look()
        assert not bench.watch.healthy
        bench.path.write_text(ONE)
        await bench.look()
        assert bench.counts == (1, 1, True)

    run(scenario)


def test_a_file_that_is_gone_is_told_once_and_comes_back(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.path.unlink()
        await bench.look(3)
        assert bench.counts == (0, 1, False)
        assert caplog.messages == [
            f"quota rules not reloaded: {bench.path}: can't be read: No such file or directory; "
            "the old ones stay"
        ]
        bench.path.write_text(ONE)
        await bench.look(2)
        assert bench.counts == (1, 1, True)

    run(scenario)


def test_who_asks_need_not_wait_and_is_told_that_nothing_changed(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.look_soon()
        assert caplog.messages == [f"quota rules not reloaded: {bench.path} hasn't changed"]
        bench.path.write_text(TWO)
        await bench.look_soon()
        assert bench.names == ["one", "two"]
        await bench.look()
        assert len(caplog.messages) == 2

    run(scenario)


def test_who_asks_is_told_again_what_is_wrong(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        bench.path.write_text("")
        await bench.look()
        await bench.look_soon()
        assert bench.counts == (0, 1, False)
        assert len(caplog.messages) == 2
        assert caplog.messages[0] == caplog.messages[1]

    run(scenario)


def test_who_asks_before_the_watch_runs_is_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path / "quota.toml")
        bench.path.write_text(TWO)
        bench.watch.look_soon()
        running = asyncio.create_task(bench.watch.run())
        await bench.naps.begun.wait()
        assert bench.names == ["one", "two"]
        running.cancel()

    asyncio.run(scenario())


def test_who_asks_during_a_look_gets_another_one(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        def change_back() -> None:
            bench.path.write_text(ONE)
            bench.watch.look_soon()

        bench.while_adopting.append(change_back)
        bench.path.write_text(TWO)
        await bench.look()
        assert bench.names == ["one"]
        assert bench.watch.reloads == 2
        assert len(bench.naps.seconds) == 2

    run(scenario)


def test_the_unforeseen_does_not_end_the_watch_and_is_told_once(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.error = OverflowError("too much")
        bench.path.write_text(TWO)
        await bench.look(3)
        assert bench.counts == (0, 1, False)
        assert caplog.messages == [
            "quota rules not reloaded: OverflowError: too much; the old ones stay"
        ]
        assert caplog.records[0].exc_info
        await bench.look_soon()
        assert len(caplog.messages) == 2
        bench.error = None
        await bench.look(2)
        assert bench.names == ["one", "two"]
        assert bench.counts == (1, 2, True)

    run(scenario)


def test_a_bad_file_after_the_unforeseen_is_told_once(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.error = OverflowError("too much")
        bench.path.write_text(TWO)
        await bench.look()
        bench.path.write_text("")
        await bench.look(3)
        assert bench.counts == (0, 2, False)
        assert len(caplog.messages) == 2

    run(scenario)


def unreadable(path: Path) -> str:
    file = RuleFile(path)
    with pytest.raises(BadRules) as caught:
        file.load()
    assert file.load_changed() is None
    return str(caught.value)


def test_what_can_not_be_read_is_refused_without_a_line(tmp_path: Path) -> None:
    why = "can't be read: No such file or directory"
    assert unreadable(tmp_path / "none") == f"{tmp_path}/none: {why}"
    assert unreadable(tmp_path) == f"{tmp_path}: can't be read: Not a regular file"
    assert unreadable(tmp_path / "a\0b").endswith(": can't be read: embedded null byte")


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert unreadable(tmp_path / "pipe").endswith("pipe: can't be read: Not a regular file")


def test_a_file_has_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "quota.toml"
    path.write_text(ONE + "#" * (MAX_RULE_FILE_BYTES - len(ONE)))
    assert len(RuleFile(path).load().all) == 1
    path.write_text(ONE + "#" * (MAX_RULE_FILE_BYTES - len(ONE) + 1))
    assert unreadable(path) == f"{path}: has more than 65536 bytes, which is the most"


def test_what_is_no_utf_8_is_refused_in_its_line(tmp_path: Path) -> None:
    path = tmp_path / "quota.toml"
    path.write_bytes(ONE.encode() + b"#\n# gr\xf6\xdfe\n")
    assert unreadable(path) == f"{path}:7: is no UTF-8: byte 0xf6"


def test_a_file_of_rules_that_was_loaded_is_loaded_again_on_request(tmp_path: Path) -> None:
    path = tmp_path / "quota.toml"
    path.write_text(ONE)
    file = RuleFile(path)
    assert file.load().all == file.load().all
