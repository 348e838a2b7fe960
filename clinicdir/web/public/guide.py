"""The pages of knowledge: plain words, the ladder, and the way into the request."""

from flask import render_template

from clinicdir.errors import NotFound
from clinicdir.locations.queries import organization_name
from clinicdir.web.answers import goal_words
from clinicdir.web.ladders import is_shown, ladder_of_guide
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts
from clinicdir.web.public.blueprint import bp


@bp.get("/guide/<slug>")
def guide(slug: str) -> str:
    """Show one guide; one that may not be shown is as unknown as one that is not there."""
    found = parts().knowledge.find_guide(slug)
    if found is None or not is_shown(reviewed=found.is_reviewed):
        raise NotFound
    return render_template(
        "public/guide.html",
        group=organization_name(),
        guide=found,
        title=gettext(found.title),
        body=[gettext(paragraph) for paragraph in found.body],
        ladder_shown=ladder_of_guide(found),
        goal=goal_words(found.goal, None, parts().intake) if found.goal else "",
        words=[(gettext(word.term), gettext(word.meaning)) for word in found.glossary],
    )
