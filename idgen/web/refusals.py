"""Errors on their way out: counted, logged and made into answers, for both lanes alike."""

import logging
from http import HTTPStatus

from idgen.errors import FlakeError
from idgen.service import IdService
from idgen.web import answers
from idgen.web.wire import Wire

_log = logging.getLogger("flake.web")

MAX_RENDERED = 256
"""Responses that are kept for the rest of a second; past that they are rendered anew."""


class Refusals:
    """Counts each error answered, and logs one line a second of each reason for a 5xx.

    The log itself holds back what comes more often, but by then a line has cost half a
    request.  Here an error that was said in this second costs an addition and a look-up.
    """

    def __init__(self, service: IdService, wire: Wire) -> None:
        self._errors = service.errors
        self._wire = wire
        self._logged: dict[str, int] = {}
        """By reason: what its count was at its last line."""
        self._said: set[str] = set()
        """The reasons that had their line in this second."""
        self._rendered: dict[tuple[object, ...], bytes] = {}
        """What was answered in this second, by kind and arguments of the error and Accept."""

    def note(self, status: int, reason: str, detail: str, path: str) -> None:
        """Count an error that is about to be answered."""
        self._errors[reason] = count = self._errors[reason] + 1
        if status < HTTPStatus.INTERNAL_SERVER_ERROR or reason in self._said:
            return
        self._said.add(reason)
        held_back = count - self._logged.get(reason, 0) - 1
        self._logged[reason] = count
        _log.error(
            f"{status:d} {reason}: {detail}",
            extra={"reason": reason, "status": int(status), "path": path, "held_back": held_back},
        )

    def response(self, error: Exception, accept: str, path: str) -> bytes:
        """Count an error, and give the whole response to it."""
        if not isinstance(error, FlakeError):
            _log.error("internal error", exc_info=error)
            return self._render(error, accept, path)
        same = (error.__class__, error.args, accept)
        response = self._rendered.get(same)
        if response is not None:
            self._errors[error.reason] += 1
            return response
        if len(self._rendered) >= MAX_RENDERED:
            self._rendered.clear()
        response = self._rendered[same] = self._render(error, accept, path)
        return response

    def _render(self, error: Exception, accept: str, path: str) -> bytes:
        status, reason, detail = answers.explained(error)
        self.note(status, reason, detail, path)
        return self._wire.render(answers.refusal(status, reason, detail, accept))

    def tick(self) -> None:
        """A second has gone by: what was said before may be said again, with another Date."""
        self._said.clear()
        self._rendered.clear()
