import json
import shutil
from pathlib import Path

import pytest

from clinicdir.appointments.intake import Choice, read_intake
from clinicdir.resources import resource_dir
from tests.make import CONSENT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("intake.json", "consent.json"):
        shutil.copy(resource_dir("seeds") / name, tmp_path)
    return tmp_path


def test_lists_and_notice_are_read_in_their_order(folder: Path) -> None:
    intake = read_intake(folder, folder)
    assert [choice.code for choice in intake.goals] == [
        "everyday", "run", "ski", "paddle_board", "sport", "climb", "other",
    ]  # fmt: skip
    assert intake.stopped[0] == Choice("running", "Running")
    assert (intake.consent.version, intake.consent.locale) == (CONSENT, "en")


def test_file_with_a_byte_order_mark_is_read(folder: Path) -> None:
    path = folder / "intake.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_intake(folder, folder).goals[1] == Choice("run", "Run")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("intake.json", "{"),
        ("intake.json", json.dumps({"goals": [], "body_areas": []})),
        ("intake.json", json.dumps({"goals": [{"code": "x"}], "body_areas": [], "stopped": []})),
        ("consent.json", json.dumps({"version": "1", "text": "x"})),
        ("consent.json", json.dumps({"version": "1", "text": "x", "locale": "en", "more": 1})),
    ],
)
def test_broken_file_is_named(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(ValueError, match=str(folder)):
        read_intake(folder, folder)


def test_folder_without_a_file_means_the_shipped_one(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert read_intake(own, folder) == read_intake(folder, folder)
    consent = {"version": "2", "text": "Ours", "locale": "en"}
    (own / "consent.json").write_text(json.dumps(consent))
    mixed = read_intake(own, folder)
    assert (mixed.consent.version, mixed.goals) == ("2", read_intake(folder, folder).goals)


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "consent.json").unlink()
    with pytest.raises(ValueError, match=r"consent\.json: cannot be read"):
        read_intake(folder, folder)
