"""The file of rules on the disk, and the rules kept up to date with it while the process runs."""

import asyncio
import logging
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from idgen.quota.rule_file import BadRules, read_rules
from idgen.quota.rules import Rules

MAX_RULE_FILE_BYTES = 64 * 1024
LOOK_EVERY_S = 2.0

_log = logging.getLogger("flake.quota")


class RuleFile:
    """A file of rules, and what it was like when it was last read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: bytes | str | None = None
        """Content, or what was in the way of reading it.  Not the time of the last change: two
        changes can have the same one, and a copy can keep an old one."""

    def load(self) -> Rules:
        """The rules that are in the file now.  Raises BadRules, also where it can't be read."""
        self._seen = None
        rules = self.load_changed()
        assert rules is not None
        return rules

    def load_changed(self) -> Rules | None:
        """The same; but None while the file is as it was when it was last read, good or bad."""
        before = self._seen
        try:
            self._seen = content = self._content()
        except BadRules as unreadable:
            self._seen = str(unreadable)
            if self._seen == before:
                return None
            raise
        return None if content == before else self._rules(content)

    def _content(self) -> bytes:
        try:
            # A named pipe would hold up whoever opens it.
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise BadRules(str(self.path), None, "can't be read: Not a regular file")
            with self.path.open("rb") as file:
                content = file.read(MAX_RULE_FILE_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: no path has a NUL in it
            why = error.strerror if isinstance(error, OSError) else error
            raise BadRules(str(self.path), None, f"can't be read: {why}") from None
        if len(content) > MAX_RULE_FILE_BYTES:
            told = f"has more than {MAX_RULE_FILE_BYTES} bytes, which is the most"
            raise BadRules(str(self.path), None, told)
        return content

    def _rules(self, content: bytes) -> Rules:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            told = f"is no UTF-8: byte 0x{content[error.start]:02x}"
            raise BadRules(str(self.path), line, told) from None
        return read_rules(text, str(self.path))


class RuleWatch:
    """Keeps the rules up to date: has those adopted that the file has when it changes.

    Begins with the rules that the file gave last.  What is wrong is logged once, and the old
    rules stay.
    """

    def __init__(
        self,
        file: RuleFile,
        adopt: Callable[[Rules], None],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._file = file
        self._adopt = adopt
        self._sleep = sleep
        self._nap: asyncio.Future[object] | None = None
        self._asked = False
        self._trouble = ""
        """What is in the way of the file's rules; empty if they are in force."""
        self._again = False
        """Something unforeseen came between: adopt the rules even if they haven't changed."""
        self.reloads = 0
        self.refused = 0

    @property
    def healthy(self) -> bool:
        """Whether the rules in force are those of the file, as it was at the last look."""
        return not self._trouble

    async def run(self) -> None:
        """Look every LOOK_EVERY_S.  Returns never, raises nothing; ends by cancellation."""
        while True:
            await self._rest()
            asked, self._asked = self._asked, False
            try:
                await self._look(asked)
            except BadRules as bad:
                self._again = False
                self._refuse(str(bad))
            except Exception as error:
                self._again = True
                trouble = f"{type(error).__name__}: {error}"
                if asked or trouble != self._trouble:  # each look may well meet it again
                    self._refuse(trouble, error)

    def look_soon(self) -> None:
        """Look now, and log also if nothing has changed.  From within the event loop."""
        self._asked = True
        if self._nap:
            self._nap.cancel()

    async def _rest(self) -> None:
        if self._asked:
            return
        self._nap = asyncio.ensure_future(self._sleep(LOOK_EVERY_S))
        try:
            await asyncio.wait([self._nap])
        finally:
            self._nap.cancel()

    async def _look(self, asked: bool) -> None:
        load = self._file.load if self._again else self._file.load_changed
        rules = await asyncio.to_thread(load)  # a disk on the network may take its time
        if rules is not None:
            self._adopt(rules)
            self._again = False
            self._trouble = ""
            self.reloads += 1
            names = [rule.name for rule in rules.all]
            what = f"{len(names)} rule{'s' * (len(names) > 1)}: {', '.join(names)}"
            _log.info(f"quota rules reloaded from {self._file.path}, {what}")
        elif asked and self._trouble:
            self._tell()
        elif asked:
            _log.info(f"quota rules not reloaded: {self._file.path} hasn't changed")

    def _refuse(self, trouble: str, unforeseen: Exception | None = None) -> None:
        self._trouble = trouble
        self.refused += 1
        self._tell(unforeseen)

    def _tell(self, unforeseen: Exception | None = None) -> None:
        told = f"quota rules not reloaded: {self._trouble}; the old ones stay"
        _log.error(told, exc_info=unforeseen)
