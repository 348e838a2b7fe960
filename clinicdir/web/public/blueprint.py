"""The blueprint that the patients' pages hang on."""

from flask import Blueprint

bp = Blueprint("public", __name__)
