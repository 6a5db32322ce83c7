import pytest

from idgen.web.negotiation import Media, preferred, wants_problem

TEXT, JSON, BINARY = Media.TEXT, Media.JSON, Media.BINARY


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("application/json", JSON),
        ("application/octet-stream", BINARY),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json;q=0.9, text/plain;q=0.8", JSON),
        ("application/json;q=0.8, text/plain;q=0.9", TEXT),
        ("application/octet-stream;q=0.5,application/json;q=0.501", JSON),
        ("application/json, text/plain", JSON),
        ("text/plain, application/json", TEXT),
        ("application/octet-stream, application/json, text/plain", BINARY),
        ("application/json, text/plain, */*", JSON),
        ("*/*;q=0.1, application/json", JSON),
        ("*/*;q=0.9, application/json;q=0.1", TEXT),
        ("application/json;q=0", TEXT),
        ("application/json;q=0, application/octet-stream;q=0.1", BINARY),
        ("text/plain;q=0, application/json;q=0.001", JSON),
        ("text/plain;q=0, */*", JSON),
        ("*/*;q=0", TEXT),
        ("text/*", TEXT),
        ("application/*", JSON),
        ("application/*, application/json;q=0", BINARY),
        ("application/*;q=0.4, text/*;q=0.6", TEXT),
        ("text/html", TEXT),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", TEXT),
        ("application/problem+json", TEXT),
        ("application/json;q=high", TEXT),
        ("application/json;q=2", TEXT),
        ("application/json;q=1.001", TEXT),
        ("application/json;q=nan, text/plain;q=0.1", TEXT),
        ("application/json;q=", TEXT),
        (" application/json ; q=0.5 ", JSON),
        (",,;,", TEXT),
    ],
)
def test_the_highest_q_wins_and_nothing_that_fits_is_text(accept: str, media: Media) -> None:
    assert preferred(accept) is media


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/octet-stream", False),
        ("application/json", True),
        ("application/problem+json", True),
        ("text/plain, application/problem+json;q=0.1", True),
        ("application/problem+json;q=0", False),
        ("text/plain, application/json;q=0.5", False),
    ],
)
def test_errors_are_problems_where_json_won_or_problems_are_named(
    accept: str, wanted: bool
) -> None:
    assert wants_problem(accept) is wanted
