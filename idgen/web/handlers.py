"""The handlers: parse, call, answer."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from prometheus_client.exposition import choose_encoder
from tornado.web import Finish, HTTPError

from idgen.errors import BadRequest, NotReady
from idgen.layout import MAX_ID
from idgen.quota.service import heard
from idgen.web import answers
from idgen.web.answer_handler import AnswerHandler
from idgen.web.answers import Answer
from idgen.web.exchange import Exchange
from idgen.web.negotiation import preferred
from idgen.web.openapi import openapi
from idgen.web.parameters import batch_size, moment, number, parameter
from idgen.web.quota.proxies import Named


class IdHandler(AnswerHandler):
    """`/`: an ID, or with `n` a batch."""

    batch: asyncio.Future[list[bytes]] | None = None
    client_gone = False

    async def reply(self, *path: str) -> Answer:
        """IDs in the representation that the client prefers."""
        service = self.site.service
        media = preferred(self.accept)
        n = batch_size(self.request.query)
        denial = await self._denial(n or 1)
        if denial is not None:
            return denial
        if n is None:
            return answers.one_id(service.next_id() if self.spends else service.peek_id(), media)
        part_of = answers.PART_OF_MANY[media]
        if self.spends:
            return answers.many_ids(await self._taken(n, part_of), media)
        return answers.many_ids(map(part_of, service.peek_ids(n)), media)

    async def _denial(self, n: int) -> Answer | None:
        """Charge n IDs where quotas guard them; the refusal where they are denied."""
        guard = self.site.guard
        if guard is None:
            return None
        peer, named = str(self.request.remote_ip), Named.of(self.request.headers)
        if self.spends:
            verdict = await heard(guard.ask(peer, named, n))
        else:
            verdict = await guard.look(peer, named, n)
        return None if verdict.allowed else guard.refusal(verdict, self.accept)

    async def _taken(self, n: int, part_of: Callable[[range], bytes]) -> list[bytes]:
        self.batch = self.site.batches.submit(n, part_of)
        if self.client_gone:
            self.batch.cancel()  # unless it is there already
        try:
            return await self.batch
        except asyncio.CancelledError:
            cast(Exchange, self.request.connection).abandon()
            raise Finish from None

    def on_connection_close(self) -> None:
        """A batch whose client has gone leaves the queue."""
        self.client_gone = True
        if self.batch is not None:
            self.batch.cancel()


class DecodeHandler(AnswerHandler):
    """`/decode/ID`."""

    async def reply(self, *path: str) -> Answer:
        """The parts of the ID."""
        (text,) = path
        return answers.decoded(number("ID", text, 0, MAX_ID), self.site.service.layout)


class BoundsHandler(AnswerHandler):
    """`/bounds?from=T&to=T`."""

    async def reply(self, *path: str) -> Answer:
        """The smallest and the largest ID of a span of time."""
        from_unix_ms, to_unix_ms = self._moment("from"), self._moment("to")
        if from_unix_ms > to_unix_ms:
            raise BadRequest(f"from must not be after to: {from_unix_ms} is after {to_unix_ms}")
        return answers.bounds(from_unix_ms, to_unix_ms, self.site.service.layout)

    def _moment(self, name: str) -> int:
        layout = self.site.service.layout
        text = parameter(self.request.query, name)
        if text is None:
            raise BadRequest(f"{name} is missing; /bounds needs from and to")
        unix_ms = moment(name, text)
        if not layout.epoch_ms <= unix_ms <= layout.last_unix_ms:
            raise BadRequest(
                f"{name} must be from {layout.epoch_ms} to {layout.last_unix_ms}, not {unix_ms}"
            )
        return unix_ms


class StatsHandler(AnswerHandler):
    """`/stats`, and `/stats?flush=1`."""

    async def reply(self, *path: str) -> Answer:
        """The counts since the last flush."""
        text = parameter(self.request.query, "flush")
        flush = text is not None and number("flush", text, 0, 1) == 1
        values = self.site.stats.read()
        if flush and self.spends:
            self.site.stats.flush()
        return answers.document(values)


class LiveHandler(AnswerHandler):
    """`/livez` and `/healthz`: the process answers."""

    async def reply(self, *path: str) -> Answer:
        """Always the same."""
        return answers.text("alive")


class ReadyHandler(AnswerHandler):
    """`/readyz`: whether IDs can be had."""

    async def reply(self, *path: str) -> Answer:
        """The reason where they can't."""
        reason = self.site.service.reason_not_ready()
        if reason is None:
            return answers.text("ready")
        return answers.refusal(HTTPStatus.SERVICE_UNAVAILABLE, NotReady.reason, reason, self.accept)


class MetricsHandler(AnswerHandler):
    """`/metrics`: Prometheus exposition, OpenMetrics where it is asked for."""

    async def reply(self, *path: str) -> Answer:
        """All metrics of the process."""
        try:
            encoder, content_type = choose_encoder(self.accept)
        except (TypeError, ValueError):  # such as a version that is no number
            encoder, content_type = choose_encoder("")
        return Answer(HTTPStatus.OK, content_type, encoder(self.site.registry))


class OpenApiHandler(AnswerHandler):
    """`/openapi.json`."""

    async def reply(self, *path: str) -> Answer:
        """The description of all routes."""
        return answers.document(openapi(self.site.service.layout))


class NotFoundHandler(AnswerHandler):
    """Every other path, whatever the method."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Unknown paths have no methods that could be allowed or not."""
        if not self.site.draining:
            kwargs["exc_info"] = (None, HTTPError(HTTPStatus.NOT_FOUND, "no such path"), None)
        super().write_error(HTTPStatus.NOT_FOUND, **kwargs)

    async def reply(self, *path: str) -> Answer:
        """Never one."""
        raise HTTPError(HTTPStatus.NOT_FOUND)
