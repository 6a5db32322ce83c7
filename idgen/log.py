"""Where log lines go, what they look like, and how many there are.

One handler on standard error; supervisord or systemd keeps the lines.  A storm (an overflow
under load, a hostile client) must not fill a disk, so of the lines of one kind only one a
second passes, with the number of those that were held back before it.
"""

import json
import logging
import time

MIN_INTERVAL_S = 1.0
MAX_KINDS = 1024
"""Kinds of line that are told apart; past that the table starts anew."""


def set_up(level: str, line_format: str) -> None:
    """Send all log lines to standard error from here on: level and format as Config has them."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter() if line_format == "json" else _TextFormatter())
    handler.addFilter(OncePerSecond())
    logging.basicConfig(handlers=[handler], force=True)
    # Of whatever a peer sends that is no HTTP Tornado would log the whole; its row has the rest.
    logging.getLogger("tornado.general").setLevel(logging.WARNING)
    if level == "none":
        logging.disable(logging.CRITICAL)
    else:
        logging.getLogger().setLevel(level.upper())


class OncePerSecond(logging.Filter):
    """Passes one line a second of each kind.

    A kind is a logger, a level and a message template, or the `reason` that a record carries.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, int, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes; what was held back before it becomes its `held_back`."""
        kind = (record.name, record.levelno, getattr(record, "reason", record.msg))
        passed_s, held_back = self._kinds.get(kind, (-MIN_INTERVAL_S, 0))
        if record.created - passed_s < MIN_INTERVAL_S and record.created >= passed_s:
            self._kinds[kind] = (passed_s, held_back + 1)
            return False
        if len(self._kinds) >= MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (record.created, 0)
        record.held_back = held_back
        return True


def _line(record: logging.LogRecord) -> str:
    held_back = getattr(record, "held_back", 0)
    return record.getMessage() + (f" (and {held_back} like it)" if held_back else "")


def _utc(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_utc(record)} {record.levelname.lower()} {_line(record)}"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _utc(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _line(record),
        }
        for name in ("reason", "status", "path"):
            if hasattr(record, name):
                fields[name] = getattr(record, name)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
