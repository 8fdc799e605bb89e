from __future__ import annotations

import pytest

from tests.contract.emitters import EmitterContract
from tests.support.mongo_server import MongoServer
from tests.support.postgres import Postgres
from tests.support.redis_server import RedisServer


class TestRedis(EmitterContract):
    @pytest.fixture
    def url(self, redis_server: RedisServer) -> str:
        return f"{redis_server.url}?prefix=emitted"


class TestRedisStreams(EmitterContract):
    @pytest.fixture
    def url(self, redis_server: RedisServer) -> str:
        return f"{redis_server.url}?mode=streams&prefix=emitted-streams"


class TestRedisSharded(EmitterContract):
    @pytest.fixture
    def url(self, redis_server: RedisServer) -> str:
        return f"{redis_server.url}?mode=sharded&prefix=emitted-sharded"


class TestPostgres(EmitterContract):
    @pytest.fixture
    def url(self, postgres_server: Postgres) -> str:
        return f"{postgres_server.url}?prefix=emitted"


class TestMongo(EmitterContract):
    @pytest.fixture
    def url(self, mongo_server: MongoServer) -> str:
        return mongo_server.url
