import pytest

pytest.register_assert_rewrite(
    "tests.end_to_end.fleet", "tests.end_to_end.load", "tests.web.serving"
)
