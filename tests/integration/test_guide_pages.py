"""The knowledge page and the ladder: who sees them, in which words, and what is never kept."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import OPERATOR, PATIENT
from clinicdir.crypto import new_key
from clinicdir.db import db, transaction
from clinicdir.resources import resource_dir
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.web.ladders import ladder_of
from tests.asking import CHECK, CLEAR, START, WHO, follow, shown, walk
from tests.conftest import SECRET, Clock, build_app
from tests.make import make_request
from tests.pages import form, heading, links, main_text, parse, press, text_of, title
from tests.reading import grade, syllables
from tests.tables import all_rows
from tests.unit.appointments.test_knowledge import SHOULDER, SHOULDER_GUIDE

LIVE = "https://clinics.example"
UNREVIEWED = "Not yet reviewed by a clinician"
START_HERE = "Where you start is decided with your therapist at your first visit."
RUNGS = [
    ("Return to sport", []),
    ("Plyometrics", ["Deep tier / yielding", "Pogo", "many types and directions here"]),
    ("Power production", []),
    ("Eccentric and concentric strength work", []),
    ("Isometric loading", []),
    ("Reduce symptoms", ["Restore quad contraction", "Restore knee ROM", "Eliminate swelling"]),
]
GLOSSARY = {
    "ROM": "range of motion: how far the knee bends and straightens",
    "Isometric": "the muscle works, the joint stays still",
    "Concentric": "the muscle shortens as it works, as in pushing up",
    "Eccentric": "the muscle lengthens as it works, as in lowering or braking",
    "Plyometrics": "jumping, landing and hopping",
    "Quad": "the big muscle on the front of the thigh",
}
SAID = ("h1", "h2", "p", "dd")
CONDITIONS = ("tendinopathy", "chondromalacia", "patella")


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    folder = tmp_path / "seeds"
    shutil.copytree(resource_dir("seeds"), folder)
    return folder


@pytest.fixture
def own(sqlite_app: Flask, seeds: Path) -> Callable[..., FlaskClient]:
    """Return a maker of clients of an app on the changed seeds, in production where told so."""
    instance = sqlite_app.extensions["clinicdir"].settings.instance

    def make(*, live: bool = False, **changes: Any) -> FlaskClient:  # noqa: ANN401
        production = {
            "env": "production",
            "base_url": LIVE,
            "secret_key": SECRET,
            "encryption_keys": new_key(),
            "rate_limits": "on",
        }
        instance.chmod(0o700)
        given = {"seeds": seeds} | (production if live else {}) | changes
        return build_app(instance, **given).test_client()

    return make


def review(seeds: Path, reviewer: str = "Robin Example, PT") -> None:
    path = seeds / "guides.json"
    content = json.loads(path.read_text())
    content["guides"][0].update(reviewer=reviewer, reviewed_on="2026-11-20")
    path.write_text(json.dumps(content))


def ladder_on(page: TestResponse) -> list[tuple[str, list[str]]]:
    """Return the rungs of a page's ladder from the top down, with their parts; empty if none."""
    for node in parse(page).iter("ol"):
        if "reversed" in node.attrib:
            return [rung_of(item) for item in node.findall("li")]
    return []


def rung_of(item: Any) -> tuple[str, list[str]]:  # noqa: ANN401 - html5lib has loose types
    lists = item.findall("ol")
    assert len(lists) <= 1
    return (item.text or "").strip(), [text_of(part) for inner in lists for part in inner]


def goal_on(page: TestResponse) -> str:
    """Return what stands on the top rung besides its name."""
    top = next(node for node in parse(page).iter("ol") if "reversed" in node.attrib).find("li")
    return " ".join(text_of(part) for part in top.findall("p"))


def glossary_on(page: TestResponse) -> dict[str, str]:
    return {
        text_of(row.find("dt")): text_of(row.find("dd"))
        for row in parse(page).iter("div")
        if row.find("dt") is not None
    }


# The page


def test_guide_shows_everything_in_its_order(sqlite_app: Flask) -> None:
    page = sqlite_app.test_client().get("/guide/knee")
    assert title(page) == "A sore knee: build up to what you love – HIDEF"
    assert ladder_on(page) == RUNGS
    assert goal_on(page) == "Your goal, for example: Run"
    assert glossary_on(page) == GLOSSARY
    assert links(page)["Tell us your goal"] == "/request?goal=run"
    text = main_text(page)
    order = [
        heading(page), UNREVIEWED, "Walking backward", "if progress stalls, ask us.",
        "Return to sport", "Eliminate swelling", START_HERE, "range of motion",
        "This is general information, not medical advice for you", "Tell us your goal",
    ]  # fmt: skip
    found = [text.index(part) for part in order]
    assert found == sorted(found)
    assert [text.count(part) for part in order] == [1] * len(order)
    assert "Reviewed by" not in text


def test_button_leads_to_the_request_with_the_goal_ticked(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    page = client.get(links(client.get("/guide/knee"))["Tell us your goal"])
    assert shown(page, START, ("goal", "body_area")) == {"goal": "run", "body_area": ""}


def test_nobody_is_told_a_condition(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    own_page = follow(client, press(client, walk(client, goal="run"), CHECK))
    for page in (client.get("/guide/knee"), client.get("/"), client.get(START), own_page):
        spoken = page.get_data(as_text=True).casefold()
        assert [name for name in CONDITIONS if name in spoken] == []


@pytest.mark.parametrize("slug", ["hip", "Knee", "knee.html", "%20", "..", "x" * 9000])
def test_guide_that_is_not_there_is_no_page(sqlite_app: Flask, slug: str) -> None:
    assert sqlite_app.test_client().get(f"/guide/{slug}").status_code == 404


def test_home_page_leads_to_the_guide(sqlite_app: Flask) -> None:
    home = sqlite_app.test_client().get("/")
    assert links(home)["A sore knee: build up to what you love"] == "/guide/knee"


# Who may see it


def test_production_hides_what_nobody_has_reviewed(own: Callable[..., FlaskClient]) -> None:
    client = own(live=True)
    hidden = client.get("/guide/knee", base_url=LIVE)
    unknown = client.get("/guide/hip", base_url=LIVE)
    assert (hidden.status_code, hidden.data) == (404, unknown.data)
    home = client.get("/", base_url=LIVE)
    assert [link for link in links(home).values() if "/guide" in link] == []
    assert "Before you ask" not in main_text(home)
    with client.application.app_context():
        assert ladder_of("run", "knee") is None


def test_production_shows_it_where_the_operator_says_so(own: Callable[..., FlaskClient]) -> None:
    client = own(live=True, show_unreviewed=True)
    page = client.get("/guide/knee", base_url=LIVE)
    assert (page.status_code, ladder_on(page)) == (200, RUNGS)
    assert main_text(page).count(UNREVIEWED) == 1
    assert "/guide/knee" in links(client.get("/", base_url=LIVE)).values()
    with client.application.app_context():
        found = ladder_of("run", "knee")
        assert found is not None
        assert not found.is_reviewed


def test_production_shows_what_is_reviewed_with_name_and_day(
    own: Callable[..., FlaskClient], seeds: Path
) -> None:
    review(seeds, "Robin <Example>, PT")
    client = own(live=True)
    page = client.get("/guide/knee", base_url=LIVE)
    text = main_text(page)
    assert "Reviewed by Robin <Example>, PT on Nov 20, 2026" in text
    assert UNREVIEWED not in text
    assert (ladder_on(page), glossary_on(page)) == (RUNGS, GLOSSARY)
    assert "This is general information, not medical advice for you" in text
    assert links(page)["Tell us your goal"] == "/request?goal=run"
    assert "/guide/knee" in links(client.get("/", base_url=LIVE)).values()
    with client.application.app_context():
        found = ladder_of("run", "knee")
        assert found is not None
        assert found.is_reviewed


# Whom the ladder is for


@pytest.mark.parametrize(
    ("goal", "body_area", "has_ladder"),
    [
        ("run", "knee", True),
        ("everyday", "knee", True),
        ("climb", "knee", True),
        ("other", "knee", False),
        ("run", "shoulder", False),
        ("run", "other", False),
        ("run", "by_phone", False),
        ("run", None, False),
    ],
)
def test_ladder_is_for_some_goals_and_the_knee(
    sqlite_app: Flask, goal: str, body_area: str | None, *, has_ladder: bool
) -> None:
    with sqlite_app.app_context():
        assert (ladder_of(goal, body_area) is not None) is has_ladder


def test_confirmation_has_the_ladder_with_the_goal_on_top(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client, goal="run", goal_text="Run a 5k <b>")
    assert ladder_on(page) == []
    own_page = follow(client, press(client, page, CHECK))
    assert ladder_on(own_page) == RUNGS
    assert goal_on(own_page) == "Your goal: Run a 5k <b>"
    text = main_text(own_page)
    assert (text.count(UNREVIEWED), text.count(START_HERE)) == (1, 1)


def test_confirmation_names_the_goal_of_the_list_where_no_words_were_given(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own_page = follow(client, press(client, walk(client, goal="sport", goal_text=None), CHECK))
    assert goal_on(own_page) == "Your goal: Football or another sport"


@pytest.mark.parametrize("changes", [{"goal": "other"}, {"goal": "run", "body_area": "hip"}])
def test_confirmation_has_no_ladder_where_it_does_not_fit(
    sqlite_app: Flask, frozen: Clock, changes: dict[str, str]
) -> None:
    client = sqlite_app.test_client()
    own_page = follow(client, press(client, walk(client, **cast("dict[str, Any]", changes)), CHECK))
    assert heading(own_page) == "We have your request"
    assert ladder_on(own_page) == []
    assert "Your goal" not in main_text(own_page)


def test_whoever_merely_has_the_link_sees_neither_ladder_nor_goal(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    sent = press(client, walk(client, goal="run", goal_text="Run a 5k"), CHECK)
    link = sent.headers["Location"]
    assert ladder_on(client.get(link)) == RUNGS
    other = app.test_client().get(link)
    assert heading(other) == "We have your request"
    assert ladder_on(other) == []
    # Whole words: the letters of a reference may spell one.
    spoken = set(re.findall(r"\w+", main_text(other).casefold()))
    assert spoken & {"goal", "goals", "5k", "run", "running", "knee", "sport"} == set()


def test_sender_sees_the_ladder_for_half_an_hour(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    link = press(client, walk(client, goal="run"), CHECK).headers["Location"]
    frozen.move(minutes=29, seconds=59)
    assert ladder_on(client.get(link)) == RUNGS
    frozen.move(seconds=1)
    assert ladder_on(client.get(link)) == []


def test_cleared_answers_clear_the_memory_of_sending_too(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    link = press(client, walk(client, goal="run"), CHECK).headers["Location"]
    press(client, walk(client, until=WHO), CLEAR)
    assert ladder_on(client.get(link)) == []


def test_form_sent_twice_still_shows_the_ladder(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    data = form(walk(client, goal="run"), CHECK)
    first = client.post(CHECK, data=data)
    again = client.post(CHECK, data=data)
    assert again.headers["Location"] == first.headers["Location"]
    assert ladder_on(follow(client, again)) == RUNGS


def test_request_of_another_person_shows_no_ladder_to_who_has_just_sent_one(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    with app.app_context():
        foreign = link_token(make_request(app, body_area="knee"))
    press(client, walk(client, goal="run"), CHECK)
    assert ladder_on(client.get(f"/requests/{foreign}")) == []


@pytest.mark.parametrize(
    ("action", "has_ladder"),
    [
        (Action.CLAIM, True),
        (Action.QUARANTINE, True),
        (Action.DECLINE, False),
        (Action.WITHDRAW, False),
    ],
)
def test_ladder_stays_while_the_request_is_open(
    app: Flask, client: FlaskClient, frozen: Clock, action: Action, *, has_ladder: bool
) -> None:
    link = press(client, walk(client, goal="run"), CHECK).headers["Location"]
    with app.app_context():
        made = db.session.query(AppointmentRequest).one()
        reference, version = made.reference, made.version
        with transaction():
            found = get_request(reference, scope=EVERYWHERE)
            actor = PATIENT if action is Action.WITHDRAW else OPERATOR
            act(found, Move(action, version), actor=actor, now=frozen.now())
    assert ladder_on(client.get(link)) == (RUNGS if has_ladder else [])


def test_no_stage_is_kept_of_a_patient(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    follow(client, press(client, walk(client, goal="run"), CHECK))
    client.get("/guide/knee")
    with app.app_context():
        (stored,) = db.session.query(AppointmentRequest)
        kept = repr(all_rows(app, without=("location",))) + repr(stored.personal)
    (knee,) = app.extensions["clinicdir"].knowledge.continua
    stages = [*knee.stages, *(part for stage in knee.stages for part in stage.children)]
    words = {word for stage in stages for word in (stage.key, stage.seed_text, stage.display)}
    assert [word for word in words - {"pogo", "Pogo"} if word in kept] == []
    columns = {column.name for table in db.metadata.sorted_tables for column in table.columns}
    named = [name for name in columns for word in ("stage", "ladder", "continuum") if word in name]
    assert named == []


# The group's own


def test_own_guide_and_continuum_are_shown_beside_ours(
    own: Callable[..., FlaskClient], seeds: Path
) -> None:
    for name, key, row in (
        ("continuum.json", "continua", SHOULDER),
        ("guides.json", "guides", SHOULDER_GUIDE),
    ):
        content = json.loads((seeds / name).read_text())
        content[key].append(row)
        (seeds / name).write_text(json.dumps(content))
    client = own()
    page = client.get("/guide/shoulder")
    assert title(page) == "A stiff shoulder – HIDEF"
    assert ladder_on(page) == [("Reach up", [])]
    assert goal_on(page) == "Your goal, for example: Climb"
    assert glossary_on(page) == {"Cuff": "the muscles around the joint"}
    assert links(page)["Tell us your goal"] == "/request?goal=climb"
    assert "Reviewed by A. Reviewer, PT on Nov 20, 2026" in main_text(page)
    assert [link for link in links(client.get("/")).values() if "/guide" in link] == [
        "/guide/knee", "/guide/shoulder",
    ]  # fmt: skip
    with client.application.app_context():
        shoulder, knee = ladder_of("other", "shoulder"), ladder_of("run", "knee")
        assert shoulder is not None
        assert [rung.words for rung in shoulder.rungs] == ["Reach up"]
        assert knee is not None
        assert [rung.words for rung in knee.rungs] == [words for words, _ in RUNGS]
        assert (shoulder.is_reviewed, knee.is_reviewed) == (True, False)
    live = own(live=True)
    codes = [live.get(f"/guide/{slug}", base_url=LIVE).status_code for slug in ("knee", "shoulder")]
    assert codes == [404, 200]


def test_guide_without_ladder_goal_and_glossary_is_text_and_a_button(
    own: Callable[..., FlaskClient], seeds: Path
) -> None:
    plain = SHOULDER_GUIDE | {"continuum": None, "goal": None, "glossary": [], "body": ["100 %s."]}
    (seeds / "guides.json").write_text(json.dumps({"guides": [plain]}))
    page = own().get("/guide/shoulder")
    assert main_text(page) == (
        "A stiff shoulder 100 %s. Reviewed by A. Reviewer, PT on Nov 20, 2026"
        " This is general information, not medical advice for you Tell us your goal"
    )
    assert links(page)["Tell us your goal"] == "/request"


# How hard it is to read


def read_aloud(page: TestResponse) -> str:
    """Return the page's own sentences: names of stages and of glossary words are left out."""
    names = {words for words, _ in RUNGS} | {part for _, parts in RUNGS for part in parts}
    told = [node for node in next(parse(page).iter("main")).iter() if node.tag in SAID]
    said = [text_of(node) for node in told if text_of(node) not in names]
    return " ".join(line if line[-1] in ".!?" else f"{line}." for line in said)


def test_guide_reads_at_grade_seven_or_lower(sqlite_app: Flask) -> None:
    page = sqlite_app.test_client().get("/guide/knee")
    (guide,) = sqlite_app.extensions["clinicdir"].knowledge.guides
    body = " ".join(guide.body)
    assert body in read_aloud(page)
    assert grade(body) <= 7
    assert grade(read_aloud(page)) <= 7


def test_measure_tells_a_hard_text_from_an_easy_one() -> None:
    hard = (
        "Retrograde ambulation constitutes an appropriate introductory rehabilitative modality"
        " considering its predominantly concentric quadriceps activation characteristics."
    )
    easy = "The cat sat on the mat. It was warm. Then it went out to play."
    assert grade(hard) > 20
    assert grade(easy) < 2
    counted = {
        word: syllables(word) for word in ("knee", "slowing", "muscle", "stairs", "activity")
    }
    assert counted == {"knee": 1, "slowing": 2, "muscle": 2, "stairs": 1, "activity": 4}
