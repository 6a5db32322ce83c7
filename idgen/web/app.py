"""The route table."""

import re

from tornado.routing import URLSpec
from tornado.web import Application

from idgen.web import handlers
from idgen.web.answer_handler import AnswerHandler
from idgen.web.quota.handlers import CheckHandler, UsageHandler
from idgen.web.site import Site
from idgen.web.ui.handlers import FileHandler, FleetHandler, PageHandler, WorkerHandler

ROUTES: dict[str, type[AnswerHandler]] = {
    "/": handlers.IdHandler,
    "/decode/{id}": handlers.DecodeHandler,
    "/bounds": handlers.BoundsHandler,
    "/stats": handlers.StatsHandler,
    "/livez": handlers.LiveHandler,
    "/healthz": handlers.LiveHandler,
    "/readyz": handlers.ReadyHandler,
    "/metrics": handlers.MetricsHandler,
    "/openapi.json": handlers.OpenApiHandler,
    "/ui": PageHandler,
    "/ui/{name}": FileHandler,
    "/worker.json": WorkerHandler,
    "/fleet.json": FleetHandler,
    "/quota/check": CheckHandler,
    "/quota/usage": UsageHandler,
}
"""By path; `{…}` stands for one segment, which may be empty."""


def application(site: Site) -> Application:
    """The routes over the parts of a site."""
    arguments = {"site": site}
    return Application(
        [
            URLSpec(re.sub("{[a-z]+}", "([^/]*)", path.replace(".", r"\.")), handler, arguments)
            for path, handler in ROUTES.items()
        ],
        default_handler_class=handlers.NotFoundHandler,
        default_handler_args=arguments,
        log_function=lambda handler: None,  # errors have their line already, the rest needs none
    )
