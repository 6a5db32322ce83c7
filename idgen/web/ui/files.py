"""The files of the page, read once and kept: an upgrade never mixes those of two versions."""

from http import HTTPStatus
from importlib.resources import files

from idgen.layout import Layout
from idgen.web.answers import Answer

PAGE = "page.html"

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""By the end of the name."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing but what this process serves, no inline script or style, and in no frame of others."""


def ui_files(layout: Layout) -> dict[str, Answer]:
    """Each file by its name, as it is answered, with the epoch of the layout for {{epoch_ms}}."""
    static = files(__package__).joinpath("static")
    return {
        file.name: _answer(content_type, file.read_bytes(), layout)
        for file in static.iterdir()
        if (content_type := CONTENT_TYPES.get(file.name.rpartition(".")[2]))
    }


def _answer(content_type: str, body: bytes, layout: Layout) -> Answer:
    body = body.replace(b"{{epoch_ms}}", b"%d" % layout.epoch_ms)
    return Answer(HTTPStatus.OK, content_type, body, HEADERS)
