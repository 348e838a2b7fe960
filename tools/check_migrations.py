"""Says whether the migrations make exactly the tables of the models, on a scratch database."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Migrate an empty SQLite file to the newest version and compare it with the models."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"CLINICDIR_INSTANCE": folder, "PATH": str(Path(sys.executable).parent)}
        for command in ("upgrade", "check"):
            done = subprocess.run(  # noqa: S603 - our own command
                [sys.executable, "-m", "flask", "db", command],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.stderr.write(done.stdout + done.stderr)
                return done.returncode
    versions = sorted(path.stem for path in (ROOT / "migrations/versions").glob("*.py"))
    pinned = (ROOT / "migrations/HEAD").read_text().strip()
    if pinned != versions[-1]:
        sys.stderr.write(f"migrations/HEAD names {pinned}, the newest is {versions[-1]}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
