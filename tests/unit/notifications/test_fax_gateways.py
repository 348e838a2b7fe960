"""Faxes by mail and over HTTP, to real servers on this machine; and what gateways call back."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clinicdir.notifications.channels import Refused, Troubled
from clinicdir.notifications.fax import FaxJob, FaxState, FaxStatus, HttpGateway, NoFax, Unreachable
from clinicdir.notifications.fax_callback import BadCallback, read_callback, sign
from clinicdir.notifications.fax_choice import Mailing, fax_driver
from clinicdir.notifications.fax_http import HttpDriver, HttpForm
from clinicdir.notifications.fax_hylafax import HylafaxDriver
from clinicdir.notifications.smtp import SmtpAddress, SmtpChannel
from tests.mail import free_port, running_mail_server

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
PDF = b"%PDF-1.3\nbody\xff"
JOB = FaxJob("+12065550101", PDF, key="key-1")
IN_BRACES = "may hold {digits}, {number} and {key}, and no other name in braces"
EXAMPLE = '{"to": "{number}", "file": "{pdf_base64}"}'
SENDER = "desk@clinics.example"


def mailing(url: str = "") -> Mailing:
    channel = SmtpChannel(SmtpAddress.parse(url or "smtp://127.0.0.1:1"))

    def send(mail: EmailMessage) -> None:
        try:
            channel.send(mail)
        finally:
            channel.close()

    return Mailing(send=send, sender=SENDER, clock=lambda: NOW)


def test_page_is_mailed_to_the_number_at_the_gateway() -> None:
    with running_mail_server() as server:
        driver = fax_driver("mailto:{digits}@g.example", HttpForm(), mailing(server.url()))
        assert driver.submit(JOB) == FaxStatus(FaxState.HANDED_OVER, "key-1")
    assert server.recipients == [["12065550101@g.example"]]
    [mail] = server.mails
    headers = {name: mail[name] for name in ("From", "To", "Subject", "Message-ID", "Date")}
    assert headers == {
        "From": SENDER,
        "To": "12065550101@g.example",
        "Subject": "Fax",
        "Message-ID": "<key-1@clinics.example>",
        "Date": "Tue, 24 Nov 2026 20:00:00 +0000",
    }
    [page] = mail.iter_attachments()
    assert isinstance(page, EmailMessage)
    assert (page.get_content_type(), page.get_content()) == ("application/pdf", PDF)


def test_mail_server_that_fails_is_told_like_for_any_mail() -> None:
    with running_mail_server() as server:
        driver = fax_driver("mailto:{digits}@g.example", HttpForm(), mailing(server.url()))
        server.answers["RCPT"] = "550 no such fax"
        with pytest.raises(Refused, match="550 no such fax"):
            driver.submit(JOB)
        server.answers["RCPT"] = "451 later"
        with pytest.raises(Troubled, match="451 later"):
            driver.submit(JOB)


@dataclass
class Gateway:
    """An HTTP gateway that keeps what it is asked and answers as told."""

    port: int
    status: int = 202
    answer: bytes = b'{"data": {"id": "f-9"}}'
    location: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.asked.append((self.path, dict(self.headers), body))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", str(len(kept.answer)))
            self.end_headers()
            self.wfile.write(kept.answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Gateway(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def test_template_is_filled_and_the_key_lets_a_gateway_know_a_second_try(gateway: Gateway) -> None:
    body = '{"to": "{number}", "files": ["{pdf_base64}"], "back": "{callback_url}", "fine": true}'
    form = HttpForm(body, "Authorization: Bearer t0ken", "https://clinics.example/back?k={key}")
    driver = HttpDriver(HttpGateway(f"{gateway.url}/faxes/{{digits}}?n={{number}}"), form)
    assert driver.submit(JOB) == FaxStatus(FaxState.QUEUED, "f-9")
    assert driver.follow("f-9") == FaxStatus(FaxState.QUEUED, "f-9")
    [(path, headers, sent)] = gateway.asked
    assert path == "/faxes/12065550101?n=%2B12065550101"
    assert (headers["Authorization"], headers["Content-Type"], headers["Idempotency-Key"]) == (
        "Bearer t0ken",
        "application/json",
        "key-1",
    )
    assert json.loads(sent) == {
        "to": "+12065550101",
        "files": [base64.b64encode(PDF).decode()],
        "back": "https://clinics.example/back?k={key}",
        "fine": True,
    }


def test_without_a_template_the_page_is_the_body_and_without_callback_no_receipt_comes(
    gateway: Gateway,
) -> None:
    gateway.answer = b"taken"
    driver = HttpDriver(HttpGateway(f"{gateway.url}/?to={{digits}}"), HttpForm())
    assert driver.submit(JOB) == FaxStatus(FaxState.HANDED_OVER, "key-1")
    gateway.location = f"{gateway.url}/faxes/854"
    assert driver.submit(JOB) == FaxStatus(FaxState.HANDED_OVER, "854")
    assert (gateway.asked[0][1]["Content-Type"], gateway.asked[0][2]) == ("application/pdf", PDF)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (422, Refused), (401, Troubled), (402, Troubled), (404, Troubled),
     (429, Troubled), (500, Troubled), (302, Troubled)],
)  # fmt: skip
def test_refusals_of_the_fax_last_and_all_others_pass(
    gateway: Gateway, status: int, kind: type[Exception]
) -> None:
    gateway.status, gateway.location = status, f"{gateway.url}/elsewhere"
    with pytest.raises(kind) as refused:
        HttpDriver(HttpGateway(f"{gateway.url}/fax"), HttpForm()).submit(JOB)
    assert str(refused.value) == f"the gateway answered {status}"
    assert [path for path, _, _ in gateway.asked] == ["/fax"]


def test_gateway_that_is_away_is_troubled() -> None:
    driver = HttpDriver(HttpGateway(f"http://127.0.0.1:{free_port()}/"), HttpForm())
    with pytest.raises(Unreachable) as trouble:
        driver.submit(JOB)
    assert str(trouble.value) == "the gateway cannot be reached (ConnectionRefusedError)"


@pytest.mark.parametrize(
    ("url", "form", "sentence"),
    [
        (
            "https://g.example/{x}", HttpForm(),
            f"CLINICDIR_FAX_URL: {IN_BRACES}.",
        ),
        (
            "https://g.example", HttpForm(header="Bearer t0ken"),
            "CLINICDIR_FAX_HTTP_HEADER: must look like Authorization: Bearer ….",
        ),
        (
            "https://g.example", HttpForm(body="to={number}"),
            f"CLINICDIR_FAX_HTTP_BODY: must be JSON such as {EXAMPLE}.",
        ),
        (
            "https://g.example", HttpForm(body='{"to": "{number}"}'),
            "CLINICDIR_FAX_HTTP_BODY: must hold {pdf_base64}, where the page goes.",
        ),
    ],
)  # fmt: skip
def test_wrong_setting_is_named(url: str, form: HttpForm, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        fax_driver(url, form, mailing())
    assert str(refused.value) == sentence


def test_url_picks_the_driver() -> None:
    assert isinstance(fax_driver("", HttpForm(), mailing()), NoFax)
    assert isinstance(fax_driver("hylafax://fax.example", HttpForm(), mailing()), HylafaxDriver)


SECRET = "shared with the gateway"


def told(**values: object) -> bytes:
    return json.dumps({"id": "key-1", "status": "delivered", **values}).encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (told(pages=1), FaxStatus(FaxState.RECEIVED, "key-1", pages=1)),
        (told(status="sent"), FaxStatus(FaxState.CALLING, "key-1")),
        (told(status="busy", reason="486"), FaxStatus(FaxState.BUSY, "key-1", "486")),
        (told(status="partial", pages=-1), FaxStatus(FaxState.CUT_OFF, "key-1")),
        (told(status="failed", reason="x" * 900), FaxStatus(FaxState.FAILED, "key-1", "x" * 200)),
    ],
)
def test_signed_callback_tells_what_became_of_the_fax(body: bytes, status: FaxStatus) -> None:
    signature = sign(SECRET, body, at=NOW - timedelta(minutes=4))
    assert read_callback(SECRET, signature, body, now=NOW) == status


GOOD = sign(SECRET, told(), at=NOW)


@pytest.mark.parametrize(
    ("signature", "body", "reason"),
    [
        ("", told(), "no signature"),
        (GOOD.upper(), told(), "no signature"),
        (GOOD, told(status="busy"), "wrong signature"),
        (sign("another", told(), at=NOW), told(), "wrong signature"),
        (GOOD.replace("t=1", "t=2"), told(), "wrong signature"),
        (sign(SECRET, told(), at=NOW - timedelta(seconds=301)), told(),
         "too old, or a clock is wrong"),
        (sign(SECRET, told(), at=NOW + timedelta(seconds=301)), told(),
         "too old, or a clock is wrong"),
        (sign(SECRET, b"{", at=NOW), b"{", "the body is no JSON"),
        (sign(SECRET, b"[]", at=NOW), b"[]", "the body names no fax, or no state that we know"),
        (sign(SECRET, told(status="odd"), at=NOW), told(status="odd"),
         "the body names no fax, or no state that we know"),
    ],
)  # fmt: skip
def test_callback_that_is_not_to_be_believed_is_refused(
    signature: str, body: bytes, reason: str
) -> None:
    with pytest.raises(BadCallback) as refused:
        read_callback(SECRET, signature, body, now=NOW)
    assert str(refused.value) == reason


def test_without_a_secret_no_callback_is_believed() -> None:
    with pytest.raises(BadCallback, match="no signature"):
        read_callback("", sign("", told(), at=NOW), told(), now=NOW)
