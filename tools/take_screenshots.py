"""Takes the pictures of the documents from the demo: `python -m tools.take_screenshots`."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.mail import running_mail_server
from tests.make import make_answers
from tests.parts import chromium
from tests.postgres import free_port

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs/screenshots"


def main() -> None:
    """Start the demo on a free port beside a mail server, take the pictures, end both."""
    with tempfile.TemporaryDirectory() as instance, running_mail_server() as mails:
        port = free_port()
        environment = dict(os.environ) | {  # noqa: TID251 - passed on, no setting read
            "CLINICDIR_INSTANCE": instance,
            "CLINICDIR_PORT": str(port),
            "CLINICDIR_DATABASE_URL": f"sqlite:///{instance}/demo.sqlite3",
            "CLINICDIR_SMTP_URL": mails.url(),
            "CLINICDIR_MAIL_FROM": "clinics@example.com",
        }
        demo = subprocess.Popen(  # noqa: S603 - our own command
            [Path(sys.executable).parent / "flask", "demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            links = _read_links(demo)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
                )
                _take(browser, f"http://127.0.0.1:{port}", links["manager"])
                browser.close()
        finally:
            demo.terminate()
            demo.wait(timeout=30)


def _read_links(demo: "subprocess.Popen[str]") -> dict[str, str]:
    """Return the sign-in link of each role, once the site is up."""
    links: dict[str, str] = {}
    assert demo.stdout is not None  # noqa: S101 - asked for above
    for line in demo.stdout:
        found = re.match(r"(\w+) +(http\S+/invitation/\S+)", line)
        if found:
            links[found[1]] = found[2]
        if line.startswith("clinicdir is at"):
            break
    return links


def _take(browser: Browser, base: str, link: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    phone = browser.new_page(viewport={"width": 390, "height": 760})
    phone.goto(base)
    phone.get_by_label("Your ZIP code").fill("98057")
    phone.get_by_role("button", name="Find the nearest").click()
    _picture(phone, "home-phone")
    phone.goto(f"{base}/request?location=renton&goal=run")
    _picture(phone, "request-phone")
    desk = browser.new_page(viewport={"width": 1280, "height": 720})
    desk.goto(link)
    desk.get_by_role("button", name="Sign in").click()
    desk.wait_for_selector("table")
    _picture(desk, "inbox-desk")
    _take_deliveries(desk, base)


def _take_deliveries(desk: Page, base: str) -> None:
    """Let Renton be told by e-mail, enter a request as an admin, and show what became of it."""
    desk.goto(f"{base}/staff/settings/renton/notices")
    desk.get_by_label("Address for notices").fill("desk@example.com")
    desk.get_by_role("button", name="Save", exact=True).click()
    desk.goto(f"{base}/")
    answer = desk.request.post(
        f"{base}/api/v1/requests",
        data=make_answers(email="robin@example.com", contact_by="email"),
        headers={"Idempotency-Key": "picture"},
    )
    reference = answer.json()["reference"]
    for _ in range(20):
        desk.goto(f"{base}/staff/requests/{reference}")
        if desk.get_by_text("accepted by").count() > 1:
            break
        desk.wait_for_timeout(500)
    desk.get_by_role("heading", name="Notices").evaluate("heading => heading.scrollIntoView()")
    _picture(desk, "delivery-lines")


def _picture(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
