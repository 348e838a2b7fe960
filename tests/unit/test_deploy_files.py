"""What stands in `deploy/` fits what the site is."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from clinicdir.cli.draining import DRAIN_S
from clinicdir.settings import BadSettings, load_settings

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"


def test_example_of_the_settings_starts_only_when_it_is_filled_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in dotenv_values(DEPLOY / "env.example").items():
        monkeypatch.setenv(name, value or "")
    monkeypatch.setenv("CLINICDIR_INSTANCE", str(tmp_path / "data"))
    with pytest.raises(BadSettings) as refused:
        load_settings()
    assert str(refused.value).splitlines() == [
        "Set CLINICDIR_SECRET_KEY to at least 32 random characters.",
        "Set CLINICDIR_ENCRYPTION_KEYS; `CLINICDIR_ENV=embedded flask keys new` prints one.",
        "Set CLINICDIR_BASE_URL to the https:// address of the site.",
        "Set CLINICDIR_RETENTION_DAYS: so long closed requests keep their personal data.",
        "Read the page /privacy, then set CLINICDIR_CONFIRMED_PRIVACY_TEXT to its version.",
        "Set CLINICDIR_CONFIRMED_EMERGENCY_LINE to 911, which pages tell patients to call.",
        "Set CLINICDIR_CONFIRMED_GROUP_NAME to the name of the clinic group on the site.",
    ]


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("clinicdir.service", r"^TimeoutStopSec=(\d+)$"), ("Containerfile", r"--stop-timeout (\d+) ")],
)
def test_nobody_kills_the_site_while_it_answers_what_is_in_hand(file: str, pattern: str) -> None:
    found = re.search(pattern, (DEPLOY / file).read_text(), re.MULTILINE)
    assert found is not None
    assert int(found[1]) > DRAIN_S + 10  # what threads and workers may take on top


def test_container_holds_the_code_and_nothing_else() -> None:
    copied = re.findall(r"^COPY ([a-z]\S*) ", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    let_in = re.findall(r"^!(\S+)$", (ROOT / ".containerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_in)
    assert [name for name in copied if not (ROOT / name).exists()] == []
