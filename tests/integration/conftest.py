"""A PostgreSQL server for the tests that ask for one: one a file, emptied before each test."""

from collections.abc import Iterator

import pytest

from tests.integration.postgres_server import PostgresServer, postgres_server, programs


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    found = programs()
    assert found is not None
    with postgres_server(found) as server:
        yield server


@pytest.fixture
def emptied(server: PostgresServer) -> None:
    with server.admin() as connection:
        connection.execute("DROP SCHEMA IF EXISTS aichain CASCADE")
