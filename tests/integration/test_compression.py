import gzip

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize("path", ["/", "/locations/renton", "/privacy", "/openapi.json"])
def test_page_without_secrets_is_compressed_for_who_takes_it(
    client: FlaskClient, path: str
) -> None:
    plain = client.get(path)
    packed = client.open(path, headers=GZIP, buffered=True)
    assert plain.headers.get("Content-Encoding") is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.get_data()) == plain.get_data()
    assert "Accept-Encoding" in plain.vary


def test_stylesheet_is_compressed_and_kept_for_a_year(client: FlaskClient) -> None:
    home = client.get("/").get_data(as_text=True)
    path = home.partition('rel="stylesheet" href="')[2].partition('"')[0]
    packed = client.open(path, headers=GZIP, buffered=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/request", "/staff/login"])
def test_page_with_a_form_token_is_never_compressed(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=GZIP)
    assert answer.headers.get("Content-Encoding") is None
    assert "csrf_token" in answer.get_data(as_text=True)
