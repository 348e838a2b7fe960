"""A real server on a free port, a real browser, and pictures of what it showed."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    ViewportSize,
    sync_playwright,
)
from waitress.server import create_server

from tests.conftest import build_app
from tests.parts import chromium
from tests.postgres import free_port

PICTURES = Path(__file__).parent.parent / "screenshots"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        yield _launch(playwright, path)


def _launch(playwright: Playwright, path: str | None) -> Browser:
    return playwright.chromium.launch(
        executable_path=path,
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )


@pytest.fixture
def site(sqlite_app: Flask) -> Iterator[Flask]:
    """Return the app, served at its own base URL as `flask serve` serves it."""
    port = free_port()
    instance = sqlite_app.extensions["clinicdir"].settings.instance
    app = build_app(instance, port=port)
    server = create_server(app, host="127.0.0.1", port=port, threads=4, ident=None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield app
    # In its own thread: a connection that was closed under it would end that thread with an error.
    server.trigger.pull_trigger(lambda: _close_all(server))
    thread.join(timeout=5)
    assert not thread.is_alive()
    server.task_dispatcher.shutdown()


def _close_all(server: Any) -> None:  # noqa: ANN401 - waitress has no types
    for connection in list(server._map.values()):  # noqa: SLF001
        connection.close()


@pytest.fixture
def base(site: Flask) -> str:
    url: str = site.extensions["clinicdir"].settings.url
    return url


@pytest.fixture(params=["phone", "desk", "no script"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """Return a page at phone width, at desk width, and with JavaScript off."""
    context = browser.new_context(
        viewport=DESK if request.param == "desk" else PHONE,
        java_script_enabled=request.param != "no script",
    )
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE)
    context.set_default_timeout(5000)
    yield context
    context.close()


def picture(page: Page, name: str) -> None:
    """Keep what the page looks like, for a person to look at."""
    page.wait_for_load_state()
    PICTURES.mkdir(exist_ok=True)
    width = page.viewport_size["width"] if page.viewport_size else 0
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower())
    page.screenshot(path=PICTURES / f"{safe}-{width}.png", full_page=True)
