"""What the standard asks for and no other test had looked at: one short test for each."""

import ast
import re
from functools import cache
from pathlib import Path

from flask import Flask

from clinicdir.staff.leaked import PASSWORDS, has_leaked
from clinicdir.staff.rules import Role
from tests.hashes import spend_little
from tests.make import PASSWORD, make_staff, sign_in
from tests.signing_in import choose, log_in, new_link
from tests.tables import rows

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clinicdir"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"}
HTML, TEXT, JSON = "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/json"
PROBLEM = "application/problem+json"


@cache
def trees() -> dict[str, ast.AST]:
    """Return the code of each module of the package."""
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def imported() -> frozenset[tuple[str, str]]:
    """Return which modules import what: (module, what)."""
    found = set()
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {(name, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {(name, f"{node.module}.{alias.name}") for alias in node.names}
    return frozenset(found)


@cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """Return each call in the package: module, what is called, the call."""
    return tuple(
        (name, dotted(node.func), node)
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    )


def dotted(node: ast.expr) -> str:
    """Return a name such as `secrets.token_hex`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_code_runs_nothing_that_it_reads() -> None:
    """Nothing is evaluated, unpickled, read as XML or YAML, or given to a shell."""
    called = {what for _, what, _ in calls()}
    assert called & {"eval", "exec", "compile", "__import__", "os.system", "os.popen"} == set()
    assert {"subprocess.run", "subprocess.Popen"} <= called
    shells = [call for _, _, call in calls() if any(word.arg == "shell" for word in call.keywords)]
    assert shells == []
    runs_what_it_reads = {
        "pickle",
        "marshal",
        "shelve",
        "xml",
        "lxml",
        "yaml",
        "dill",
        "jsonpickle",
    }
    assert {what for _, what in imported() if what.partition(".")[0] in runs_what_it_reads} == set()


def test_no_weak_hash_is_used() -> None:
    """The codes of an app are HMAC-SHA1 by their standard; nothing else of ours is."""
    weak = re.compile(
        r"(?<![a-z])(md[45]|sha1|des|arc4|rc4|blowfish|ecb)(?![a-z0-9])", re.IGNORECASE
    )
    names = {
        (name, node.attr if isinstance(node, ast.Attribute) else node.id)
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    used = {(name, what) for name, what in names | imported() if weak.search(what)}
    assert ("crypto.py", "AESGCM") in names
    assert used == {
        ("staff/second_factor.py", "SHA1"),
        ("staff/second_factor.py", "cryptography.hazmat.primitives.hashes.SHA1"),
    }


def test_secrets_come_from_the_system_and_are_long() -> None:
    """Short ones are names of files and numbers of faults, which may be guessed."""
    guessable = {what for what in imported() if what[1].partition(".")[0] == "random"}
    spread = {("patience/sqlite.py", "random"), ("notifications/delivery.py", "random")}
    assert guessable - {("cli/demo.py", "random")} == spread
    drawn = {
        (name, ast.unparse(call.args[0])) if call.args else (name, "32")
        for name, what, call in calls()
        if what
        in ("secrets.token_urlsafe", "secrets.token_hex", "secrets.token_bytes", "os.urandom")
    }
    assert len(drawn) > 12
    short = {
        (name, size) for name, size in drawn if size.isdigit() and int(size) < 16
    }  # bytes; 16 of them are 128 bits
    assert short == {
        ("audit/heads.py", "8"), ("backup/operations.py", "6"), ("backup/scratch.py", "6"),
        ("settings/keys.py", "8"), ("web/errors.py", "4"),
    }  # fmt: skip
    assert {size for _, size in drawn if not size.isdigit()} == {
        "KEY_BYTES", "ROW_KEY_BYTES", "SECRET_BYTES", "_LINK_BYTES", "_NONCE_BYTES", "_SALT_BYTES",
        "_SECRET_BYTES",
    }  # fmt: skip


ANSWERS = [
    ("GET", "/", 200, HTML),
    ("GET", "/locations/renton", 200, HTML),
    ("GET", "/staff/login", 200, HTML),
    ("GET", "/static/css/site.css", 200, "text/css; charset=utf-8"),
    ("GET", "/static/js/lock.js", 200, "text/javascript; charset=utf-8"),
    ("GET", "/api/v1/locations", 200, JSON),
    ("GET", "/openapi.json", 200, JSON),
    ("GET", "/healthz", 200, JSON),
    ("GET", "/nothing", 404, HTML),
    ("GET", "/static/nothing.css", 404, HTML),
    ("GET", "/api/v1/nothing", 404, PROBLEM),
    ("GET", "/staff/", 303, HTML),
    ("PUT", "/", 405, HTML),
    ("POST", "/staff/login", 400, HTML),
    ("POST", "/api/v1/requests", 415, PROBLEM),
]


def test_every_answer_says_what_it_is_and_is_shown_nowhere_else(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"}
    told = []
    for method, path, _, _ in ANSWERS:
        answer = client.open(path, method=method, headers=foreign)
        answer.get_data()
        answer.close()
        told.append((method, path, answer.status_code, answer.headers["Content-Type"]))
        shown = {name: answer.headers.get(name) for name in HEADERS}
        assert shown == HEADERS, path
        assert set(answer.headers["Content-Security-Policy"].split("; ")) >= POLICY, path
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert told == ANSWERS
    # On a Host that is not ours, and over the limit, too.
    for answer in (
        client.get("/", headers={"Host": "evil.example"}),
        client.post("/find", data=BIG),
    ):
        assert (answer.status_code, answer.headers["Content-Type"]) in ((400, HTML), (413, HTML))
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


BIG = {"address": "x" * 65_000}


def test_scripts_write_no_html_and_keep_nothing() -> None:
    """Nor do they read cookies, listen to other windows, or change what all objects have."""
    scripts = {
        path.name: path.read_text(encoding="utf-8") for path in (ROOT / "static/js").iterdir()
    }
    assert set(scripts) >= {"inbox.js", "locate.js", "lock.js"}
    never = re.compile(
        r"(?:inner|outer)HTML\s*\+?=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function"
        r"|localStorage|sessionStorage|indexedDB|document\.cookie|__proto__|\.prototype\b"
        r"|Object\.assign|window\.opener|window\.onmessage|(?<!tabs\.)addEventListener\(.message"
    )
    assert {name: never.findall(text) for name, text in scripts.items() if never.search(text)} == {}
    # The tabs of one sign-in tell each other that somebody is there, and nothing else.
    assert re.findall(r"tabs = (.*);", scripts["lock.js"]) == ['new BroadcastChannel("activity")']
    assert "tabs.postMessage(null)" in scripts["lock.js"]


NOT_OURS = [
    "/.git/HEAD", "/.git/", "/.env", "/wsgi.py", "/pyproject.toml", "/instance/secret_key",
    "/static/", "/static/css", "/static/css/", "/static/../wsgi.py", "/static/%2e%2e/wsgi.py",
    "/static/..%2fwsgi.py", "/static/css/..%5c..%5c..%5cwsgi.py",
]  # fmt: skip


def test_files_outside_static_are_not_served(sqlite_app: Flask) -> None:
    assert (ROOT / "wsgi.py").is_file()
    client = sqlite_app.test_client()
    missing = (404, client.get("/nothing").data)
    answers = {path: client.get(path) for path in NOT_OURS}
    wrong = [path for path, one in answers.items() if (one.status_code, one.data) != missing]
    assert wrong == []


def test_downloads_have_names_of_our_own() -> None:
    """A name holds a day at most, nothing that came in; nothing else names a file."""
    names = re.compile(r"filename\s*=\s*(?:f?\"([^\"]*)\"|([^,)]*))")
    found = {
        (name, *match)
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, text in [(path.name, path.read_text(encoding="utf-8"))]
        if "attachment" in text
        for match in names.findall(text)
    }
    assert found == {
        ("own_papers.py", "appointment.ics", ""),
        ("measuring.py", "measures-{now:%Y-%m-%d}.csv", ""),
        ("exporting.py", "requests-{now:%Y-%m-%d}.csv", ""),
        ("fax_mail.py", "page.pdf", ""),
    }


def test_password_that_has_leaked_is_known() -> None:
    data = PASSWORDS.read_bytes()
    marks = [data[start : start + 8] for start in range(0, len(data), 8)]
    assert (len(marks), sorted(set(marks))) == (9728, marks)
    known = ("1qaz2wsx3edc4rfv", "1QAZ2WSX3edc4rfv", " qwerty123456789", "zxcvbnm123456789")
    assert [has_leaked(one) for one in known] == [True] * 4
    assert [has_leaked(one) for one in (PASSWORD, "", "1qaz2wsx3edc4rf")] == [False] * 3


def test_password_of_any_kind_counts_as_it_was_typed(sqlite_app: Flask) -> None:
    spend_little(sqlite_app)
    typed = "  Zwölf ÜBER 🦊 <b>&amp;</b> %s {{7*7}} \\ ' \" " + "only small letters follow " * 3
    assert len(typed) > 100
    assert choose(sqlite_app.test_client(), new_link(sqlite_app), typed).status_code == 303
    others = [typed.strip(), typed.swapcase(), typed[:72], typed + " ", typed.replace("ö", "o")]
    statuses = [
        log_in(sqlite_app.test_client(), password=one).status_code for one in [typed, *others]
    ]
    assert statuses == [302, 422, 422, 422, 422, 422]
    small = "letters and nothing else"
    link = new_link(sqlite_app, "small@example.com")
    assert choose(sqlite_app.test_client(), link, small).status_code == 303


def test_password_fields_hide_and_welcome_managers(sqlite_app: Flask) -> None:
    with sqlite_app.app_context():
        make_staff("manager@example.com", Role.MANAGER)
    link, client = new_link(sqlite_app), sqlite_app.test_client()
    fields = re.findall(r"<input[^>]*password[^>]*>", client.get("/staff/login").text)
    fields += re.findall(r"<input[^>]*password[^>]*>", client.get(link).text)
    sign_in(client, "manager@example.com")
    fields += re.findall(r"<input[^>]*password[^>]*>", client.get("/staff/account").text)
    # Of the account page: present, new, and that of the lock.
    assert len(fields) == 5
    for field in fields:
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(current|new)-password"', field)
        assert "readonly" not in field
        assert int((re.findall(r'maxlength="(\d+)"', field) or ["999"])[0]) >= 64


def test_fresh_site_has_no_account(sqlite_app: Flask) -> None:
    assert rows(sqlite_app, "staff_member", "email") == []


def test_every_staff_page_has_a_sign_out_and_is_kept_nowhere(sqlite_app: Flask) -> None:
    with sqlite_app.app_context():
        make_staff("admin@example.com", Role.ADMIN)
    client = sqlite_app.test_client()
    sign_in(client, "admin@example.com")
    paths = [
        rule.rule
        for rule in sqlite_app.url_map.iter_rules()
        if rule.endpoint.startswith("staff.")
        and "GET" in (rule.methods or ())
        and not rule.arguments
    ]
    pages = {path: client.get(path) for path in paths}
    shown = {
        path: 'action="/staff/logout"' in page.text and "no-store" in page.headers["Cache-Control"]
        for path, page in pages.items()
        if (page.status_code, page.mimetype) == (200, "text/html")
    }
    assert len(shown) >= 8
    assert [path for path, is_right in shown.items() if not is_right] == []


def test_shipped_web_server_speaks_new_tls_and_leads_no_program_on() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    told = re.sub(r"\s+", " ", re.sub(r"#.*", "", text))
    assert re.findall(r"ssl_protocols ([^;]+);", told) == ["TLSv1.2 TLSv1.3"]
    plain = told[told.index("listen 80") : told.index("listen 443")]
    assert re.findall(r"location (\S+) \{ (return \d+)", plain) == [
        ("/api/", "return 404"),
        ("/", "return 301"),
    ]
    assert "autoindex" not in told


def test_every_library_is_pinned_with_its_hashes() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) > 30
    pinned = re.compile(r"[\w.\-]+(\[[\w,\-]+\])?==\S+( ; .*?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in lines if not pinned.fullmatch(line.strip())] == []
