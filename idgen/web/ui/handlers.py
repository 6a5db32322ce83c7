"""The page, its files, and the figures that it shows."""

from http import HTTPStatus

from tornado.web import HTTPError

from idgen.web import answers
from idgen.web.answer_handler import AnswerHandler
from idgen.web.answers import Answer
from idgen.web.negotiation import Media
from idgen.web.ui.files import PAGE

TO_PAGE = {"Location": "../ui"}


class PageHandler(AnswerHandler):
    """`/ui`, and `/ui?id=ID`, which the page itself reads."""

    async def reply(self, *path: str) -> Answer:
        """The page."""
        return self.site.ui[PAGE]


class FileHandler(AnswerHandler):
    """`/ui/NAME`."""

    async def reply(self, *path: str) -> Answer:
        """A part of the page."""
        (name,) = path
        if not name:  # /ui/, as people write it; relative, for whoever is behind a prefix
            return Answer(HTTPStatus.PERMANENT_REDIRECT, answers.TEXT_TYPE, b"", TO_PAGE)
        if name == PAGE or name not in self.site.ui:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        return self.site.ui[name]


class WorkerHandler(AnswerHandler):
    """`/worker.json`: this process."""

    async def reply(self, *path: str) -> Answer:
        """Its figures."""
        text = self.site.worker.heard().text
        return Answer(HTTPStatus.OK, Media.JSON.value, text.encode())


class FleetHandler(AnswerHandler):
    """`/fleet.json`: this process and all that it knows of."""

    async def reply(self, *path: str) -> Answer:
        """What the last poll found."""
        return Answer(HTTPStatus.OK, Media.JSON.value, await self.site.fleet.look())
