"""The two engines for this folder too."""

from collections.abc import Iterator

import pytest

from tests.integration.conftest import FreshPostgres, app, postgres_app

__all__ = ["app", "postgres_app"]


@pytest.fixture(scope="session")
def fresh_postgres(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FreshPostgres]:
    folder = tmp_path_factory.mktemp("postgres")
    fresh = FreshPostgres(postgres_url, folder, database="clinicdir_property")
    yield fresh
    fresh.drop()
