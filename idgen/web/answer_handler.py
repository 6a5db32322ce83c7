"""What all handlers have in common: they finish with an Answer, whatever was raised."""

from http import HTTPStatus
from types import TracebackType
from typing import Any

from tornado.web import HTTPError, RequestHandler

from idgen.errors import BadRequest, FlakeError, NotReady
from idgen.web import answers
from idgen.web.answers import Answer
from idgen.web.site import Site

DRAINING = "draining: this process is about to stop"


class AnswerHandler(RequestHandler):
    """A RequestHandler whose subclass says which Answer, in `reply`."""

    SUPPORTED_METHODS: tuple[str, ...] = answers.METHODS

    def initialize(self, site: Site) -> None:
        """Tornado's constructor hook."""
        self.site = site
        self.accept = self.request.headers.get("Accept", "")
        self.spends = self.request.method != "HEAD"

    def prepare(self) -> None:
        """While draining nothing is served."""
        if self.site.draining:
            raise NotReady(DRAINING)

    async def reply(self, *path: str) -> Answer:
        """The answer to this request; parts of the path are arguments.  May raise FlakeError."""
        raise NotImplementedError

    async def get(self, *path: str) -> None:
        """GET, and HEAD too: Tornado leaves out the body."""
        self.send(await self.reply(*path))

    head = get

    def send(self, answer: Answer) -> None:
        """Finish with this answer."""
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        self.set_header("Cache-Control", "no-store")
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tornado's hook for whatever was raised."""
        status, reason, detail = self._explained(kwargs.get("exc_info", (None, None, None))[1])
        self.site.refusals.note(status, reason, detail, self.request.path)
        headers = {}
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(self.SUPPORTED_METHODS)
        self.send(answers.refusal(status, reason, detail, self.accept, headers))

    def _explained(self, error: BaseException | None) -> tuple[HTTPStatus, str, str]:
        if self.site.draining and isinstance(error, HTTPError):
            error = NotReady(DRAINING)  # a method that isn't allowed never gets to prepare
        match error:
            case HTTPError(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
                allowed = " and ".join(self.SUPPORTED_METHODS)
                detail = f"{str(self.request.method)[:20]} isn't allowed here; {allowed} are"
                return HTTPStatus.METHOD_NOT_ALLOWED, BadRequest.reason, detail
            case HTTPError():
                status = HTTPStatus(error.status_code)
                return status, BadRequest.reason, error.get_message() or status.phrase
            case _:
                return answers.explained(error)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Parts of the path, which are refused as what they are and not for their encoding."""
        return value.decode("utf-8", "replace")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """A traceback only for what nobody raised on purpose."""
        if not isinstance(value, FlakeError | HTTPError):
            super().log_exception(typ, value, tb)

    def set_default_headers(self) -> None:
        """Nobody needs to know which server this is."""
        self.clear_header("Server")

    def compute_etag(self) -> None:
        """None: a 304 would hand out an ID again."""
        return None
