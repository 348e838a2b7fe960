"""Settings that are fine one by one and contradict each other: each start says what to set."""

import os
from pathlib import Path

import pytest

from clinicdir import create_app
from clinicdir.crypto import new_key
from clinicdir.resources import resource_dir
from clinicdir.settings import BadSettings, load_settings

KEY = new_key()
NOT_THE_PORT = (
    "CLINICDIR_BASE_URL names port {}, but the site listens on {}."
    " Set CLINICDIR_PORT to the same, or unset the one that is wrong."
)
NO_FOLDER = "CLINICDIR_BASE_URL: must end after the host or its port; pages lie right under it."
IN_MEMORY = (
    "Set CLINICDIR_DATABASE_URL to sqlite:////folder/file: what is only in memory is gone"
    " at the end."
)
FOR_GATEWAYS = "{} is for an https:// gateway. Set CLINICDIR_FAX_URL to one, or unset it."
STARTTLS = "CLINICDIR_SMTP_URL: after the ? only starttls=required has a meaning."


def refusal(**given: object) -> str:
    with pytest.raises(BadSettings) as refused:
        load_settings(**given)
    return str(refused.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"base_url": "http://localhost:8080"}, NOT_THE_PORT.format(8080, 8000)),
        ({"base_url": "http://127.0.0.1", "port": 8001}, NOT_THE_PORT.format(80, 8001)),
        ({"base_url": "http://[::1]:9", "host": "::1"}, NOT_THE_PORT.format(9, 8000)),
        ({"base_url": "https://clinics.example/site"}, NO_FOLDER),
        ({"base_url": "https://clinics.example?a=b"}, NO_FOLDER),
        ({"base_url": "https://maria@clinics.example"}, NO_FOLDER),
        (
            {"base_url": "https://clinics.example:99999"},
            "CLINICDIR_BASE_URL: the port must be a number up to 65535.",
        ),
        ({"database_url": "sqlite://"}, IN_MEMORY),
        ({"database_url": "sqlite:///:memory:"}, IN_MEMORY),
        (
            {"geocoder_options": "api_key=k"},
            (
                "Set CLINICDIR_GEOCODER to the service that CLINICDIR_GEOCODER_OPTIONS is for,"
                " or unset the options."
            ),
        ),
        ({"fax_http_body": "{}"}, FOR_GATEWAYS.format("CLINICDIR_FAX_HTTP_BODY")),
        (
            {"fax_http_header": "X-Key: k", "fax_url": "hylafax://127.0.0.1:4559"},
            FOR_GATEWAYS.format("CLINICDIR_FAX_HTTP_HEADER"),
        ),
        (
            {"fax_fonts": "/nonexistent/fonts"},
            "CLINICDIR_FAX_FONTS: there is no folder /nonexistent/fonts.",
        ),
        ({"smtp_url": "smtp://m.example?starttls=always", "mail_from": "a@b.example"}, STARTTLS),
        ({"smtp_url": "smtp://m.example?tls=required", "mail_from": "a@b.example"}, STARTTLS),
        (
            {"smtp_url": "smtp://m.example", "mail_from": "the desk"},
            "Set CLINICDIR_MAIL_FROM to the sender's address of the mails.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, object], sentence: str) -> None:
    assert refusal(**given) == sentence


@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "http://localhost:8080", "port": 8080},
        {"base_url": "http://localhost", "trusted_proxies": "127.0.0.1"},
        {"base_url": "http://localhost:8080", "host": "0.0.0.0"},  # noqa: S104 - of a container
        {"base_url": "http://clinics.example"},
        {"base_url": "https://localhost/", "trusted_proxies": "127.0.0.1"},
        {"fax_url": "https://gateway.example/faxes", "fax_http_body": "{}"},
        {"fax_url": "interfax:", "fax_http_header": "Authorization: Basic x"},
        {"smtp_url": "smtp://m.example?starttls=required", "mail_from": "a@b.example"},
        {"geocoder": "nominatim", "geocoder_options": "domain=geocoder.example"},
    ],
)
def test_what_goes_together_is_taken(given: dict[str, object]) -> None:
    assert load_settings(**given).model_fields_set == set(given)


@pytest.mark.parametrize("name", ["clinicdir_port", "Clinicdir_Port", "CLINICDIR_port"])
def test_another_spelling_of_a_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CLINICDIR_PORT", "8000")
    monkeypatch.setenv(name, "9000")
    assert refusal() == f"There is no setting {name}. Did you mean CLINICDIR_PORT?"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"secret_key_fallbacks": f"{'o' * 32},dev"},
            (
                "Take the keys of less than 32 characters out of CLINICDIR_SECRET_KEY_FALLBACKS:"
                " whoever guesses one signs in as anybody."
            ),
        ),
        (
            {"secret_key": KEY},
            (
                "Set CLINICDIR_SECRET_KEY to another key than CLINICDIR_ENCRYPTION_KEYS holds:"
                " each has one use."
            ),
        ),
        (
            {"trusted_proxies": "10.0.0.1, 0.0.0.0/0"},
            (
                "Set CLINICDIR_TRUSTED_PROXIES to the addresses of your own web servers:"
                " it believes everybody."
            ),
        ),
        (
            {"trusted_proxies": "::/0"},
            (
                "Set CLINICDIR_TRUSTED_PROXIES to the addresses of your own web servers:"
                " it believes everybody."
            ),
        ),
    ],
)
def test_production_refuses_what_would_open_it(
    tmp_path: Path, given: dict[str, object], sentence: str
) -> None:
    fine: dict[str, object] = {
        "env": "production",
        "instance": tmp_path / "data",
        "secret_key": "x" * 32,
        "encryption_keys": KEY,
        "base_url": "https://clinics.example",
        "retention_days": 365,
        "confirmed_group_name": "Example Group",
        "confirmed_privacy_text": "2026-11-24.2",
        "confirmed_emergency_line": "911",
    }
    assert load_settings(**fine).is_production
    assert refusal(**(fine | given)) == sentence


@pytest.mark.parametrize("name", ["CLINICDIR_INSTANCE", "CLINICDIR_DATABASE_URL"])
def test_data_never_lies_where_everybody_can_read_it(tmp_path: Path, name: str) -> None:
    static = resource_dir("static")
    inside = static / "css" / ".." / "data"
    given: dict[str, object] = {"instance": inside}
    if name == "CLINICDIR_DATABASE_URL":
        # By a link, too: what counts is where it leads.
        (tmp_path / "link").symlink_to(static)
        given = {"instance": tmp_path, "database_url": f"sqlite:///{tmp_path}/link/data.sqlite3"}
    before = sorted(os.listdir(static))  # noqa: PTH208 - names are enough
    with pytest.raises(BadSettings) as refused:
        create_app(load_settings(**given))
    assert str(refused.value) == (
        f"{name} lies in {static}, which everybody can read through the site."
        " Set it to a folder elsewhere."
    )
    assert sorted(os.listdir(static)) == before  # noqa: PTH208
