"""Clients that do not give up: programs, patients and staff who send again until they hear yes."""

import http.client
import http.cookiejar
import json
import queue
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from tests.asking import ANSWERS, CHECK, START, STEPS
from tests.make import make_answers, token_of
from tests.pages import form
from tests.soak.chance import seeded

UNREACHABLE = (OSError, http.client.HTTPException)
# Not too often: the site starts on the same machine.
_PAUSE_S, _PATIENCE_S = 0.1, 600.0
# The clinic that the requests go to, as pages and the API write it.
_PHONES = ("(206) 693-9929", "+12066939929")


class Answer(NamedTuple):
    """What came back whole."""

    status: int
    place: str
    body: str


_BROKEN_OFF = Answer(0, "", "")


@dataclass
class Book:
    """What the clients heard: a request by the patient's name, a claim by the reference."""

    requests: dict[str, set[str]] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    broken_off: int = 0
    repeated: int = 0
    refusals: list[str] = field(default_factory=list)
    without_phone: list[str] = field(default_factory=list)
    to_claim: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def answers(self) -> int:
        """Return how many whole answers there were."""
        return self.statuses.total()

    def note(self, name: str, told: str) -> None:
        """Write down that a request was acknowledged, with its reference or its link."""
        with self.lock:
            self.repeated += name in self.requests
            self.requests.setdefault(name, set()).add(told)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Show the answer that leads elsewhere: it is the acknowledgement."""


class Client(threading.Thread):
    """One person or program; `work` is one turn of it, repeated until the end."""

    def __init__(self, base: str, book: Book, end: threading.Event, number: int) -> None:
        super().__init__(name=f"{type(self).__name__} {number}")
        self.base, self.book, self.end = base, book, end
        self.rng = seeded(self.name)
        self.turn = 0
        self.forget_cookies()

    def forget_cookies(self) -> None:
        """Be somebody else from now on."""
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            urllib.request.ProxyHandler({}),
            _Stay(),
        )

    def run(self) -> None:
        while not self.end.is_set() and not self.book.refusals:
            self.turn += 1
            try:
                self.work()
            except Exception as fault:  # noqa: BLE001 - told by the test
                self.book.refusals.append(f"{self.name}: {fault!r}")
            self.end.wait(0.01)

    def work(self) -> None:
        raise NotImplementedError

    def send(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer | None:
        """Ask once; return None where the line broke or the site could not store anything."""
        request = urllib.request.Request(self.base + path, body, headers or {})  # noqa: S310
        try:
            with self._opener.open(request, timeout=20) as answer:
                told = Answer(answer.status, "", answer.read().decode())
        except urllib.error.HTTPError as answer:
            with answer:
                place = answer.headers.get("Location", "")
                try:
                    told = Answer(answer.code, place, answer.read().decode())
                except UNREACHABLE:
                    told = _BROKEN_OFF
        except UNREACHABLE:
            told = _BROKEN_OFF
        with self.book.lock:
            if told is not _BROKEN_OFF:
                self.book.statuses[told.status] += 1
            else:
                self.book.broken_off += 1
            if told.status == 503 and not any(phone in told.body for phone in _PHONES):
                self.book.without_phone.append(f"{path}: {told.body[:500]}")
        return None if told.status in (0, 503) else told

    def insist(self, ask: Callable[[], Answer | None]) -> Answer:
        """Ask until there is an answer; after the end the site is up, so it cannot be long."""
        give_up = time.monotonic() + _PATIENCE_S
        while (answer := ask()) is None:
            if time.monotonic() > give_up:
                raise TimeoutError(f"no answer within {_PATIENCE_S} s")
            time.sleep(_PAUSE_S)
        return answer

    def open(self, path: str) -> str:
        """Return a page that is there."""
        answer = self.insist(lambda: self.send(path))
        assert answer.status == 200, (path, answer)
        return answer.body


class Program(Client):
    """Posts to the API, each request with a key of its own; now and then an old one again."""

    def work(self) -> None:
        again = self.turn > 1 and self.rng.random() < 0.1
        turn = self.rng.randrange(1, self.turn) if again else self.turn
        name = f"{self.name} {turn}"
        answers = make_answers(
            patient_name=name, note=f"About {name}", phone=f"206 555 {turn % 10_000:04}"
        )
        headers = {"Content-Type": "application/json", "Idempotency-Key": name}
        body = json.dumps(answers).encode()
        with self.book.lock:
            self.book.tried.add(name)
        answer = self.insist(lambda: self.send("/api/v1/requests", body, headers))
        assert answer.status == 201, answer
        reference: str = json.loads(answer.body)["reference"]
        self.book.note(name, reference)
        if not again:
            self.book.to_claim.put(reference)


class Patient(Client):
    """Fills in the pages, and presses a button again where nothing came back."""

    def work(self) -> None:
        self.forget_cookies()
        name = f"{self.name} {self.turn}"
        with self.book.lock:
            self.book.tried.add(name)
        page = self.open(START)
        for step in STEPS:
            typed = {key: value for key, value in ANSWERS[step].items() if value is not None}
            if "patient_name" in typed:
                typed |= {"patient_name": name}
            place = self.press(page, step, typed)
            page = self.open(place)
        self.book.note(name, self.press(page, CHECK, {}))

    def press(self, page: str, action: str, typed: dict[str, str | list[str]]) -> str:
        """Send a page's form until it leads on; a cookie that was lost costs one press more."""
        for _ in range(3):
            body = urlencode(form(page, action) | typed, doseq=True).encode()
            answer = self.insist(lambda body=body: self.send(action, body))  # type: ignore[misc]
            if answer.status == 303:
                return answer.place
            assert answer.status == 400, answer
            page = answer.body
        raise AssertionError("the form token was refused three times")


class Desk(Client):
    """Claims the requests that came in."""

    def sign_in(self, invitation: str) -> None:
        """Sign in by a one-time link; a link that is used up opens nothing again."""
        page = self.send(invitation)
        assert page is not None
        data = urlencode({"csrf_token": token_of(page.body)}).encode()
        answer = self.send(invitation, data)
        assert answer is not None
        assert (answer.status, answer.place) == (303, "/staff/")

    def work(self) -> None:
        try:
            reference = self.book.to_claim.get(timeout=0.2)
        except queue.Empty:
            return
        path = f"/staff/requests/{reference}"
        data = urlencode(form(self.open(path), f"{path}/claim"), doseq=True).encode()
        answer = self.insist(lambda: self.send(f"{path}/claim", data))
        # 409: an earlier press was stored, and its answer was lost.
        assert answer.status in (303, 409), answer
        if answer.status == 303:
            with self.book.lock:
                self.book.claims.add(reference)
