"""The reverse proxy as it ships, `deploy/nginx.conf`, for `localhost` on ports of this machine."""

import http.client
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import free_port

SHIPPED = Path(__file__).parent.parent / "deploy/nginx.conf"
_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def find_nginx() -> str | None:
    """Return the program of Debian's package, and where others have it."""
    path = f"{os.environ.get('PATH')}:/usr/sbin"  # noqa: TID251 - daemons lie there
    return shutil.which("nginx", path=path) if shutil.which("openssl") else None


def trusting(folder: Path) -> ssl.SSLContext:
    """Return what a browser needs to trust the certificate that was made in a folder."""
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


@contextmanager
def running_nginx(folder: Path, *, port: int, site: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the site on port `site` by TLS on `port`, with all files in a folder."""
    program = find_nginx()
    assert program is not None
    make_certificate(folder)
    shutil.copy(SHIPPED.with_name("away.html"), folder)
    (folder / "site.conf").write_text(shipped_for(folder, port=port, site=site))
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in _KINDS)
    # Started by root its workers take another account, which cannot reach the folders of a test.
    user = "user root root; " if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 768; }}\nhttp {{ {paths} include site.conf; }}\n"
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with (folder / "nginx.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
        try:
            _wait_for(port, trusting(folder), process)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=10)


def shipped_for(folder: Path, *, port: int, site: int) -> str:
    """Return the shipped configuration with the places of a test in place of an operator's."""
    text = SHIPPED.read_text()
    for old, new in {
        "/etc/letsencrypt/live/clinics.example.org": str(folder),
        "/var/log/nginx": str(folder),
        "/var/www/clinicdir": str(folder),
        "http://127.0.0.1:8000": f"http://127.0.0.1:{site}",
        "clinics.example.org": "localhost",
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80": f"listen 127.0.0.1:{free_port()}",
        "    listen [::]:443 ssl http2;\n": "",
        "    listen [::]:80;\n": "",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> None:
    """Make a certificate for localhost, signed by itself, once in a folder."""
    if (folder / "fullchain.pem").exists():
        return
    openssl = shutil.which("openssl")
    assert openssl is not None
    subprocess.run(  # noqa: S603 - our own command
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def _wait_for(port: int, context: ssl.SSLContext, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
        try:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise AssertionError(f"nginx does not answer: {process.poll()}")
