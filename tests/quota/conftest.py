from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real one, for tests that don't harm it."""
    with RedisServer(tmp_path_factory.mktemp("quota-redis"), "--appendfsync", "no") as server:
        yield server
