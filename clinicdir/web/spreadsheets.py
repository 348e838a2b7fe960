"""Writes lines of a CSV file that a spreadsheet shows as text and never runs as a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

# Excel takes a file without it for the code page of the computer, and spoils every accent.
BYTE_ORDER_MARK = "\N{BYTE ORDER MARK}"
MIME_TYPE = "text/csv"
_STARTS_FORMULA = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 - the wide signs count as well


def safe_cell(value: object) -> str:
    """Return a value as text; an apostrophe stands before what a spreadsheet would work out."""
    text = "" if value is None else str(value)
    is_formula = text.startswith(_STARTS_FORMULA) or text.lstrip().startswith(_STARTS_FORMULA)
    return f"'{text}" if is_formula else text


def csv_line(cells: Sequence[object]) -> str:
    """Return one line of a CSV file (RFC 4180), with its end."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()


def csv_file(lines: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the parts of a whole file, line by line."""
    yield BYTE_ORDER_MARK
    for cells in lines:
        yield csv_line(cells)
