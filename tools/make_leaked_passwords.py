"""Makes clinicdir/staff/data/leaked_passwords.bin of a list of passwords, one a line.

`python -m tools.make_leaked_passwords LIST` keeps those that the length rule would let pass.
"""

import sys
from pathlib import Path

from clinicdir.staff.leaked import PASSWORDS, mark_of
from clinicdir.staff.rules import MIN_PASSWORD_LENGTH


def main(listed: Path) -> None:
    """Write the marks of the list's long passwords, sorted, and say how many there are."""
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    marks = sorted({mark_of(line) for line in lines if len(line) >= MIN_PASSWORD_LENGTH})
    PASSWORDS.write_bytes(b"".join(marks))
    sys.stdout.write(f"{len(marks)} passwords, {PASSWORDS.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
