import stat
from pathlib import Path

import pytest

from clinicdir.crypto import new_key
from clinicdir.settings import (
    BadSettings,
    Settings,
    check_confirmed,
    complete_secrets,
    load_settings,
)

KEY = new_key()
SECRET = "x" * 32


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set an environment that production starts with."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    for name, value in {
        "ENV": "production",
        "INSTANCE": str(folder),
        "SECRET_KEY": SECRET,
        "ENCRYPTION_KEYS": KEY,
        "BASE_URL": "https://clinics.example/",
        "RETENTION_DAYS": "365",
        "CONFIRMED_GROUP_NAME": "Example Group",
        "CONFIRMED_PRIVACY_TEXT": "2026-11-24.2",
        "CONFIRMED_EMERGENCY_LINE": "911",
    }.items():
        monkeypatch.setenv(f"CLINICDIR_{name}", value)
    return monkeypatch


def refusal() -> str:
    with pytest.raises(BadSettings) as refused:
        load_settings()
    return str(refused.value)


def test_nothing_needs_to_be_set_when_embedded() -> None:
    settings = load_settings()
    assert (settings.env, settings.url, settings.database) == (
        "embedded",
        "http://127.0.0.1:8000",
        f"sqlite:///{Path.cwd()}/instance/clinicdir.sqlite3",
    )


def test_production_starts_with_everything_it_needs(production: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.is_production
    assert settings.url == "https://clinics.example"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "CLINICDIR_SECRET_KEY",
            None,
            "Set CLINICDIR_SECRET_KEY to at least 32 random characters.",
        ),
        ("CLINICDIR_SECRET_KEY", "", "Set CLINICDIR_SECRET_KEY to at least 32 random characters."),
        (
            "CLINICDIR_SECRET_KEY",
            "changeme",
            "Set CLINICDIR_SECRET_KEY to at least 32 random characters.",
        ),
        (
            "CLINICDIR_ENCRYPTION_KEYS",
            None,
            "Set CLINICDIR_ENCRYPTION_KEYS; `CLINICDIR_ENV=embedded flask keys new` prints one.",
        ),
        (
            "CLINICDIR_ENCRYPTION_KEYS",
            " , ",
            "Set CLINICDIR_ENCRYPTION_KEYS; `CLINICDIR_ENV=embedded flask keys new` prints one.",
        ),
        (
            "CLINICDIR_BASE_URL",
            None,
            "Set CLINICDIR_BASE_URL to the https:// address of the site.",
        ),
        (
            "CLINICDIR_BASE_URL",
            "http://clinics.example",
            "Set CLINICDIR_BASE_URL to the https:// address of the site.",
        ),
        (
            "CLINICDIR_RETENTION_DAYS",
            None,
            "Set CLINICDIR_RETENTION_DAYS: so long closed requests keep their personal data.",
        ),
        (
            "CLINICDIR_CONFIRMED_PRIVACY_TEXT",
            None,
            "Read the page /privacy, then set CLINICDIR_CONFIRMED_PRIVACY_TEXT to its version.",
        ),
        (
            "CLINICDIR_CONFIRMED_EMERGENCY_LINE",
            "112",
            "Set CLINICDIR_CONFIRMED_EMERGENCY_LINE to 911, which pages tell patients to call.",
        ),
        (
            "CLINICDIR_CONFIRMED_GROUP_NAME",
            None,
            "Set CLINICDIR_CONFIRMED_GROUP_NAME to the name of the clinic group on the site.",
        ),
        (
            "CLINICDIR_RATE_LIMITS",
            "off",
            "Unset CLINICDIR_RATE_LIMITS: limits stay on in production.",
        ),
        (
            "FLASK_DEBUG",
            "1",
            "Unset FLASK_DEBUG: its pages show the data to whoever meets a fault.",
        ),
    ],
)
def test_production_refuses_to_start_and_says_what_to_set(
    production: pytest.MonkeyPatch, name: str, value: str | None, sentence: str
) -> None:
    if value is None:
        production.delenv(name)
    else:
        production.setenv(name, value)
    assert refusal() == sentence


def test_production_publishes_no_privacy_text_that_its_operator_has_not_read(
    production: pytest.MonkeyPatch,
) -> None:
    settings = load_settings()
    check_confirmed(settings, "confirmed_privacy_text", "2026-11-24.2")
    with pytest.raises(BadSettings) as refused:
        check_confirmed(settings, "confirmed_privacy_text", "2027-01-01.1")
    assert str(refused.value) == (
        "CLINICDIR_CONFIRMED_PRIVACY_TEXT is 2026-11-24.2, but pages show 2027-01-01.1."
        " Read them, then set it to what you stand by."
    )
    production.setenv("CLINICDIR_ENV", "embedded")
    check_confirmed(load_settings(), "confirmed_privacy_text", "2027-01-01.1")


@pytest.mark.parametrize("mode", [0o755, 0o704, 0o701])
def test_production_refuses_data_that_everybody_can_reach(
    production: pytest.MonkeyPatch, tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "data"
    folder.chmod(mode)
    assert refusal() == f"Run `chmod 700 {folder}`: everybody can reach the data in it."


def test_production_names_every_trouble_at_once(
    production: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "BASE_URL"):
        production.delenv(f"CLINICDIR_{name}")
    production.setenv("CLINICDIR_SMTP_URL", "smtp://mail.example")
    assert refusal().splitlines() == [
        "Set CLINICDIR_MAIL_FROM to the sender's address of the mails.",
        "Set CLINICDIR_SECRET_KEY to at least 32 random characters.",
        "Set CLINICDIR_ENCRYPTION_KEYS; `CLINICDIR_ENV=embedded flask keys new` prints one.",
        "Set CLINICDIR_BASE_URL to the https:// address of the site.",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CLINICDIR_SECRETKEY", " Did you mean CLINICDIR_SECRET_KEY?"),
        ("CLINICDIR_BASEURL", " Did you mean CLINICDIR_BASE_URL?"),
        ("CLINICDIR_QQQQQQQQQQQQQQQQQQQQQQQ", " See docs/settings.md."),
    ],
)
def test_unknown_name_is_refused_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert refusal() == f"There is no setting {name}.{hint}"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "0", "CLINICDIR_PORT: Input should be greater than or equal to 1."),
        ("ENV", "live", "CLINICDIR_ENV: Input should be 'embedded' or 'production'."),
        (
            "DATABASE_URL",
            "mysql://x/y",
            "CLINICDIR_DATABASE_URL: must be sqlite:///… or postgresql+psycopg://user@host/name.",
        ),
        (
            "DATABASE_URL",
            "nonsense",
            "CLINICDIR_DATABASE_URL: must be sqlite:///… or postgresql+psycopg://user@host/name.",
        ),
        (
            "BASE_URL",
            "clinics.example",
            "CLINICDIR_BASE_URL: must begin with https:// or http://.",
        ),
        (
            "PRIVACY_URL",
            "javascript:alert(1)",
            "CLINICDIR_PRIVACY_URL: must begin with https:// or http://.",
        ),
        (
            "SMTP_URL",
            "mail.example",
            "CLINICDIR_SMTP_URL: must look like smtp://user:password@host:port or smtps://….",
        ),
        (
            "FAX_URL",
            "mailto:fax@gateway.example",
            "CLINICDIR_FAX_URL: must begin with hylafax:// or https://, or be mailto:{digits}@….",
        ),
        (
            "FAX_URL",
            "mailto:{digits}@gateway.example",
            "Set CLINICDIR_SMTP_URL: faxes leave by mail.",
        ),
        (
            "TRUSTED_PROXIES",
            "10.0.0.1, proxy",
            "CLINICDIR_TRUSTED_PROXIES: 'proxy' does not appear to be an IPv4 or IPv6 network.",
        ),
    ],
)
def test_wrong_value_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"CLINICDIR_{name}", value)
    assert refusal() == sentence


def test_refusal_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINICDIR_SMTP_URL", "http://desk:hunter2@mail.example")
    assert "hunter2" not in refusal()


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "PORT", "SMTP_URL", "ENCRYPTION_KEYS", "SEEDS"):
        monkeypatch.setenv(f"CLINICDIR_{name}", "")
    assert load_settings() == Settings()


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINICDIR_TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/16,")
    monkeypatch.setenv("CLINICDIR_SECRET_KEY_FALLBACKS", "one,two")
    settings = load_settings()
    assert settings.trusted_proxies == ("10.0.0.1", "192.168.0.0/16")
    assert [key.get_secret_value() for key in settings.secret_key_fallbacks] == ["one", "two"]


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINICDIR_SECRET_KEY", SECRET)
    monkeypatch.setenv("CLINICDIR_ENCRYPTION_KEYS", KEY)
    shown = repr(load_settings()) + str(load_settings())
    assert SECRET not in shown
    assert KEY not in shown


def test_keys_are_made_once_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "instance"
    first = complete_secrets(load_settings(instance=folder), new_key)
    second = complete_secrets(load_settings(instance=folder), new_key)
    assert first.secret_key == second.secret_key
    assert first.encryption_keys == second.encryption_keys
    assert first.secret_key is not None
    assert len(first.secret_key.get_secret_value()) == 64
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "secret_key": 0o600,
        "encryption_keys": 0o600,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_keys_that_are_set_are_used_and_nothing_is_written(tmp_path: Path) -> None:
    given = load_settings(instance=tmp_path, secret_key=SECRET, encryption_keys=KEY)
    assert complete_secrets(given, new_key) == given
    assert list(tmp_path.iterdir()) == []


def test_key_file_may_hold_a_ring_newest_first(tmp_path: Path) -> None:
    keys = [new_key(), new_key()]
    (tmp_path / "encryption_keys").write_text("\n".join(keys) + "\n")
    settings = complete_secrets(load_settings(instance=tmp_path), new_key)
    assert [key.get_secret_value() for key in settings.encryption_keys] == keys


def test_links_of_the_group_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINICDIR_SOCIAL_YOUTUBE", "https://video.example/group")
    monkeypatch.setenv("CLINICDIR_SOCIAL_INSTAGRAM", "https://photos.example/group")
    assert load_settings().social_links == {
        "Instagram": "https://photos.example/group",
        "YouTube": "https://video.example/group",
    }


def test_address_of_an_ipv6_host_stands_in_brackets() -> None:
    assert load_settings(host="::1", port=8080).url == "http://[::1]:8080"
