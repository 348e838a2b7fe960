"""Continua and guides as they are read from the seeds: the shipped ones, own ones, broken ones."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clinicdir.appointments.intake import Intake, read_intake
from clinicdir.appointments.knowledge import Continuum, Guide, Stage, Term, read_knowledge
from clinicdir.resources import resource_dir

SEEDS = resource_dir("seeds")
SHOULDER = {
    "slug": "shoulder",
    "applies_to": [],
    "body_areas": ["shoulder"],
    "goals": "all",
    "stages": [{"ordinal": 1, "key": "reach", "seed_text": "Reach up"}],
}
SHOULDER_GUIDE = {
    "slug": "shoulder",
    "title": "A stiff shoulder",
    "body": ["Move it."],
    "continuum": "shoulder",
    "goal": "climb",
    "glossary": [{"term": "Cuff", "meaning": "the muscles around the joint"}],
    "reviewer": "A. Reviewer, PT",
    "reviewed_on": "2026-11-20",
}


@pytest.fixture
def intake() -> Intake:
    return read_intake(SEEDS, SEEDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("continuum.json", "guides.json"):
        shutil.copy(SEEDS / name, tmp_path)
    return tmp_path


def change(folder: Path, name: str, *path: str | int, to: Any) -> None:  # noqa: ANN401 - JSON
    """Change one value of a JSON file."""
    content = part = json.loads((folder / name).read_text())
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    (folder / name).write_text(json.dumps(content))


def refusal(folder: Path, intake: Intake) -> list[str]:
    """Return the lines that reading is refused with, without the folder in front."""
    with pytest.raises(ValueError, match=str(folder)) as refused:
        read_knowledge(folder, SEEDS, intake=intake)
    return [line.removeprefix(f"{folder}/") for line in str(refused.value).splitlines()]


def test_shipped_continuum_has_the_stages_of_the_seed_in_their_order(intake: Intake) -> None:
    (knee,) = read_knowledge(SEEDS, SEEDS, intake=intake).continua
    assert [(stage.ordinal, stage.seed_text) for stage in knee.stages] == [
        (1, "Reduce symptoms"),
        (2, "Isomeric loading"),
        (3, "Eccentric and concentric strength work"),
        (4, "Power production"),
        (5, "Plyometrics"),
        (6, "Return to sport"),
    ]
    parts = {
        stage.ordinal: [(part.ordinal, part.seed_text) for part in stage.children]
        for stage in knee.stages
        if stage.children
    }
    assert parts == {
        1: [(1, "Restore quad contraction"), (2, "Restore knee ROM"), (3, "Eliminate swelling")],
        5: [(1, "Deep tier / yielding"), (2, "Pogo"), (3, "many types and directions here")],
    }
    everything = [*knee.stages, *knee.stages[0].children, *knee.stages[4].children]
    assert {stage.seed_text: stage.display for stage in everything} == {
        stage.seed_text: stage.seed_text for stage in everything
    } | {"Isomeric loading": "Isometric loading"}


def test_slip_of_the_seed_is_kept_byte_for_byte_with_a_note() -> None:
    assert b'"seed_text": "Isomeric loading"' in (SEEDS / "continuum.json").read_bytes()
    stages = json.loads((SEEDS / "continuum.json").read_text())["continua"][0]["stages"]
    assert stages[1]["note"].startswith("The source says “Isomeric”")


def test_shipped_continuum_is_for_the_knee_and_for_goals_that_load_it(intake: Intake) -> None:
    (knee,) = read_knowledge(SEEDS, SEEDS, intake=intake).continua
    assert knee.applies_to == (
        "patellar tendinopathy", "quad tendinopathy", "chondromalacia patella",
    )  # fmt: skip
    fitting = {
        (goal.code, area.code)
        for goal in intake.goals
        for area in intake.body_areas
        if knee.fits(goal.code, area.code)
    }
    goals = ("everyday", "run", "ski", "paddle_board", "sport", "climb")
    assert fitting == {(goal, "knee") for goal in goals}
    assert not knee.fits("run", None)


def test_shipped_guide_has_no_reviewer_and_explains_what_it_may(intake: Intake) -> None:
    (guide,) = read_knowledge(SEEDS, SEEDS, intake=intake).guides
    assert (guide.slug, guide.continuum, guide.goal) == ("knee", "knee", "run")
    assert (guide.reviewer, guide.reviewed_on, guide.is_reviewed) == (None, None, False)
    assert [word.term for word in guide.glossary] == [
        "ROM", "Isometric", "Concentric", "Eccentric", "Plyometrics", "Quad",
    ]  # fmt: skip


def test_own_files_stand_in_place_of_the_shipped_ones(tmp_path: Path, intake: Intake) -> None:
    (tmp_path / "continuum.json").write_text(json.dumps({"continua": [SHOULDER]}))
    (tmp_path / "guides.json").write_text(json.dumps({"guides": [SHOULDER_GUIDE]}))
    knowledge = read_knowledge(tmp_path, SEEDS, intake=intake)
    continuum = Continuum(
        slug="shoulder",
        applies_to=(),
        body_areas=("shoulder",),
        goals="all",
        stages=(Stage(1, "reach", "Reach up", "Reach up"),),
    )
    guide = Guide(
        slug="shoulder",
        title="A stiff shoulder",
        body=("Move it.",),
        continuum="shoulder",
        goal="climb",
        glossary=(Term("Cuff", "the muscles around the joint"),),
        reviewer="A. Reviewer, PT",
        reviewed_on=date(2026, 11, 20),
    )
    assert (knowledge.continua, knowledge.guides) == ((continuum,), (guide,))
    assert knowledge.is_reviewed(continuum)
    assert continuum.fits("other", "shoulder")
    assert not continuum.fits("other", "knee")


def test_folder_that_lacks_the_files_means_the_shipped_ones(tmp_path: Path, intake: Intake) -> None:
    shipped = read_knowledge(SEEDS, SEEDS, intake=intake)
    assert read_knowledge(tmp_path, SEEDS, intake=intake) == shipped
    (tmp_path / "guides.json").write_text(json.dumps({"guides": []}))
    mixed = read_knowledge(tmp_path, SEEDS, intake=intake)
    assert (mixed.continua, mixed.guides) == (shipped.continua, ())
    assert not mixed.is_reviewed(mixed.continua[0])


def test_shipped_files_may_name_goals_that_an_own_list_leaves_out(tmp_path: Path) -> None:
    lists = json.loads((SEEDS / "intake.json").read_text())
    lists["goals"] = [{"code": "dance", "label": "Dance"}]
    lists["body_areas"] = [{"code": "foot", "label": "Foot"}]
    (tmp_path / "intake.json").write_text(json.dumps(lists))
    knowledge = read_knowledge(tmp_path, SEEDS, intake=read_intake(tmp_path, SEEDS))
    assert not knowledge.continua[0].fits("dance", "foot")


def test_every_trouble_of_a_file_is_named_with_its_place(folder: Path, intake: Intake) -> None:
    change(folder, "continuum.json", "continua", 0, "goals", to="some")
    change(folder, "continuum.json", "continua", 0, "stages", 2, "ordinal", to=0)
    change(folder, "continuum.json", "continua", 0, "fox", to=1)
    assert refusal(folder, intake) == [
        'continuum.json:/continua/0/goals: "some": the word all, or a list of at least one code',
        "continuum.json:/continua/0/stages/2/ordinal: 0: a whole number from 1 to 20",
        (
            "continuum.json:/continua/0/fox: unknown key: only the keys slug, applies_to,"
            " body_areas, goals, note, stages"
        ),
    ]


@pytest.mark.parametrize(
    ("name", "path", "value", "line"),
    [
        (
            "continuum.json", ("continua", 0, "stages", 2, "ordinal"), 4,
            "continuum.json:/continua/0/stages/2/ordinal: 4: 3, in order",
        ),
        (
            "continuum.json", ("continua", 0, "stages", 4, "children", 1, "ordinal"), 3,
            "continuum.json:/continua/0/stages/4/children/1/ordinal: 3: 2, in order",
        ),
        (
            "continuum.json", ("continua", 0, "stages", 4, "children", 1, "key"), "plyometrics",
            'continuum.json:/continua/0/stages/4/children/1/key: "plyometrics": a key of its own',
        ),
        (
            "continuum.json", ("continua", 0, "body_areas", 0), "kneee",
            ('continuum.json:/continua/0/body_areas/0: "kneee": one of back, by_phone,'
            " foot_or_ankle, hip, knee, neck, other, shoulder"),
        ),
        (
            "continuum.json", ("continua", 0, "goals", 1), "runn",
            ('continuum.json:/continua/0/goals/1: "runn": one of climb, everyday, other,'
            " paddle_board, run, ski, sport"),
        ),
        (
            "continuum.json", ("continua", 0, "slug"), "hip",
            'guides.json:/guides/0/continuum: "knee": one of hip',
        ),
        (
            "guides.json", ("guides", 0, "goal"), "runn",
            ('guides.json:/guides/0/goal: "runn": one of climb, everyday, other,'
            " paddle_board, run, ski, sport"),
        ),
        (
            "guides.json", ("guides", 0, "reviewer"), "A. Reviewer",
            "guides.json:/guides/0/reviewed_on: null: reviewer and day together, or null for both",
        ),
        (
            "guides.json", ("guides", 0, "reviewed_on"), "2026-11-24",
            "guides.json:/guides/0/reviewer: null: reviewer and day together, or null for both",
        ),
        (
            "guides.json", ("guides", 0, "body"), [],
            "guides.json:/guides/0/body: []: a list of at least one paragraph",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    folder: Path, intake: Intake, name: str, path: tuple[str | int, ...], value: object, line: str
) -> None:
    change(folder, name, *path, to=value)
    assert refusal(folder, intake) == [line]


def test_slug_used_twice_is_named(folder: Path, intake: Intake) -> None:
    (guide,) = json.loads((folder / "guides.json").read_text())["guides"]
    change(folder, "guides.json", "guides", to=[guide, guide])
    assert refusal(folder, intake) == ['guides.json:/guides/1/slug: "knee": a slug of its own']


def test_broken_json_is_named_with_its_line(folder: Path, intake: Intake) -> None:
    (folder / "guides.json").write_text('{"guides":\n ]')
    (line,) = refusal(folder, intake)
    assert line.startswith("guides.json:2: column 2: ")


def test_guide_may_stand_without_ladder_goal_and_glossary(folder: Path, intake: Intake) -> None:
    for name, value in (("continuum", None), ("goal", None), ("glossary", [])):
        change(folder, "guides.json", "guides", 0, name, to=value)
    knowledge = read_knowledge(folder, SEEDS, intake=intake)
    found = knowledge.find_guide("knee")
    assert found is not None
    assert (found.continuum, found.goal, found.glossary) == (None, None, ())
    assert knowledge.find_continuum(found.continuum) is None
    assert knowledge.find_guide("hip") is None
