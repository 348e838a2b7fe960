"""Watches a browser: what a page of ours must never do, and where it must never ask."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Request, WebError

# Runs before every page, outside of its policy: tells what the policy stopped.
TELL_REPORTS = """addEventListener("securitypolicyviolation", (event) => console.error(
    `CSP report: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`), true)"""


@dataclass
class Watch:
    """Keeps every error, warning, dialog and policy report, and each host that was asked."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def note(self, message: ConsoleMessage) -> None:
        """Keep what the console says loudly."""
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def fault(self, error: WebError) -> None:
        """Keep a script's fault."""
        self.problems.append(str(error.error))

    def dialog(self, opened: Dialog) -> None:
        """Keep what a dialog says, and close it."""
        self.problems.append(f"dialog: {opened.message}")
        opened.dismiss()

    def asked(self, request: Request) -> None:
        """Keep the host of a request; what stands in the page itself has none."""
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about"):
            self.hosts.add(parts.netloc)

    def check(self, base: str, *, but: str = "$^") -> None:
        """Fail where something was said, but what fits `but`, or another host was asked."""
        assert [text for text in self.problems if not re.search(but, text)] == []
        assert self.hosts == {urlsplit(base).netloc}


def watch(*contexts: BrowserContext) -> Watch:
    """Watch every page of some browsers from now on."""
    kept = Watch()
    for context in contexts:
        context.add_init_script(TELL_REPORTS)
        context.on("console", kept.note)
        context.on("weberror", kept.fault)
        context.on("dialog", kept.dialog)
        context.on("request", kept.asked)
    return kept
