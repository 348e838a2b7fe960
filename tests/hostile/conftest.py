"""The two engines for this folder too, and one running server for what needs real sockets."""

from collections.abc import Iterator

import pytest

from tests.hostile.live import Live, running_live
from tests.integration.conftest import FreshPostgres, app, postgres_app, with_settings

__all__ = ["app", "postgres_app", "with_settings"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "item(*numbers): tries these items of the hostile inputs")


@pytest.fixture(scope="session")
def fresh_postgres(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FreshPostgres]:
    folder = tmp_path_factory.mktemp("postgres")
    fresh = FreshPostgres(postgres_url, folder, database="clinicdir_hostile")
    yield fresh
    fresh.drop()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Return a running `flask serve` without limits, shared by all tests of a worker."""
    with running_live(tmp_path_factory.mktemp("live")) as running:
        yield running
