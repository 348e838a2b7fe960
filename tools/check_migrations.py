"""Says whether the migrations make exactly the tables of the models, and keep the rules.

The tables are made in a scratch database; tools/migration_rules.py has the rules.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.migration_rules import FIRST_RELEASE, faults_of

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
    return tell_faults()


def tell_faults() -> int:
    """Print what newer migrations do that stops people or cannot be run again; return 1 then."""
    newer = [
        path
        for path in sorted((ROOT / "migrations/versions").glob("*.py"))
        if path.stem > FIRST_RELEASE
    ]
    found = [f"{path.name}: {fault}." for path in newer for fault in faults_of(path.read_text())]
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
