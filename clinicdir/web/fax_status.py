"""Takes what a fax gateway tells of a fax afterwards, believed only with our signature on it."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from clinicdir import clock
from clinicdir.db import transaction
from clinicdir.notifications.fax_callback import HEADER, PATH, BadCallback, read_callback
from clinicdir.notifications.fax_receipts import receipt_of
from clinicdir.notifications.operations import settle_job
from clinicdir.notifications.rules import Channel
from clinicdir.web.parts import parts

bp = Blueprint("fax_status", __name__)


@bp.post(PATH)
def take() -> ResponseReturnValue:
    """Settle the job that a signed callback names; what is not signed changes nothing."""
    secret = parts().settings.fax_callback_secret
    try:
        status = read_callback(
            secret.get_secret_value() if secret else "",
            request.headers.get(HEADER, ""),
            request.get_data(),
            now=clock.now(),
        )
    except BadCallback:
        return "", 403
    with transaction():
        settle_job(Channel.FAX, status.job, receipt_of(status), now=clock.now())
    return "", 204
