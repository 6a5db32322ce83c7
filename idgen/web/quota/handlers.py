"""The handlers of quotas: parse, call, answer."""

from http import HTTPStatus

from tornado.web import HTTPError

from idgen.errors import BadRequest, shown
from idgen.quota.days import parse_day
from idgen.quota.decision import as_if_asked
from idgen.quota.service import Quota, heard
from idgen.web.answer_handler import AnswerHandler
from idgen.web.answers import Answer, document
from idgen.web.quota import answers
from idgen.web.quota.parameters import checks, field, parameters, question


class QuotaHandler(AnswerHandler):
    """A handler that needs rules."""

    @property
    def quota(self) -> Quota:
        """Raises HTTPError where no rules are loaded."""
        if self.site.quota is None:
            told = "no quota rules are loaded; start with --quota_rules=FILE"
            raise HTTPError(HTTPStatus.NOT_FOUND, told)
        return self.site.quota


class CheckHandler(QuotaHandler):
    """`/quota/check`: a decision, or with POST up to a thousand."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST")

    async def reply(self, *path: str) -> Answer:
        """The decision on the call that the query describes."""
        quota = self.quota
        check, deny_status = question(self.request.query)
        if self.spends:
            return answers.to_check(await heard(quota.ask(check)), deny_status)
        peeked = await heard(quota.ask(check._replace(cost=0)))
        return answers.to_check(as_if_asked(peeked, check.cost), deny_status)

    async def post(self, *path: str) -> None:
        """The decisions on an array of calls, in its order; none is taken unless all are right."""
        quota = self.quota
        parameters(self.request.query, frozenset())
        self.send(answers.to_checks(await quota.ask_all(checks(self.request.body))))


class UsageHandler(QuotaHandler):
    """`/quota/usage?app=A&day=YYYY-MM-DD`."""

    async def reply(self, *path: str) -> Answer:
        """What an application used on a day, today unless it says another."""
        usage = self.quota.usage
        values = parameters(self.request.query, frozenset(("app", "day")))
        if "app" not in values:
            raise BadRequest("app is missing; /quota/usage needs it")
        app, day = field("app", values["app"]), values.get("day")
        if day is not None and parse_day(day) is None:
            raise BadRequest(f"day must be a date such as 2026-01-31, not {shown(day)}")
        day, tally = await usage.read(app, day)
        return document(
            {
                "app": app,
                "day": day,
                "total": tally.total,
                "denied": tally.denied,
                "interfaces": dict(sorted(tally.interfaces.items())),
                "users": tally.user_count,
            }
        )
