"""The blueprint that the patients' pages hang on."""

from flask import Blueprint

from clinicdir.web.goals import goals_left_out

bp = Blueprint("public", __name__)
bp.add_app_template_filter(goals_left_out)
