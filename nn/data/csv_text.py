"""From the bytes of a CSV file to rows of cells: encoding, delimiter, decimal mark; or what to do where that fails."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from autodiff.errors import DataError

_DELIMITERS = "\t;,|"
"""What may separate columns. A comma stands late: it may be a decimal mark where another separates."""

_SAVE = "open it in a spreadsheet and save the table as CSV (UTF-8)"
_NO_TEXT = {
    b"PK\x03\x04": f"an Excel workbook or another zip archive; {_SAVE}",
    b"\xd0\xcf\x11\xe0": f"an old Excel workbook; {_SAVE}",
    b"\x1f\x8b": "a file compressed by gzip; unpack it with gunzip",
    b"BZh": "a file compressed by bzip2; unpack it with bunzip2",
    b"\xfd7zXZ": "a file compressed by xz; unpack it with unxz",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd; unpack it with unzstd",
    b"PAR1": "a Parquet file; write it as CSV, with pandas for example",
    b"SQLite format 3": "a database; write the table as CSV",
    b"%PDF": "a PDF; only the table is wanted, as CSV",
}
"""What is no text, by its first bytes."""

_ENCODINGS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""What spreadsheets and Windows' editors write in front of their text; that of UTF-8 is dealt with by Python."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(([,.'\u2019 \u00a0\u202f])\d{3})(\2\d{3})*([.,]\d+)?")

_CURES = {
    "field larger": "; is there a quote that is not closed? a longer cell is no number, and no name of a class",
    "expected after '": "; put nothing between a closing quote and the end of its cell, and double the quotes inside",
    "unexpected end": "; close the quote that is open",
}
"""What to do about a complaint of Python's reader, by a part of it."""

GAPS = {"", "?", "na", "n/a", "#n/a", "nan", "null"}
"""How people write that a value is missing, in small letters."""


class Sheet(NamedTuple):
    """Rows of stripped cells, the number of each row's line, and how decimals are written, with "." or ","."""

    rows: list[list[str]]
    lines: list[int]
    decimal: str


def read_sheet(path: str) -> Sheet:
    """Read the cells of a file; lines without any are skipped, and what is wrong is a DataError."""
    text = _text(path)
    try:
        text, delimiter = _without_sep(text)
        delimiter = delimiter or _delimiter(text)
        rows, lines = _parsed(text, delimiter)
    except csv.Error as error:
        raise DataError(f"{path}, {error}") from error
    while len({len(row) for row in rows}) == 1 and len(rows[0]) > 1 and not any(row[-1] for row in rows):
        rows = [row[:-1] for row in rows]  # each line ends with a delimiter
    commas = delimiter != "," and any(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row)
    return Sheet(rows, lines, "," if commas else ".")


def number(text: str, decimal: str = ".") -> float | None:
    """Read a number as people write it; None if the text is none. (Python alone would take ``1_000`` for 1000.)

    >>> number("2,5", ","), number("2,5"), number("1.234", ",")
    (2.5, None, None)
    """
    if "_" in text or (decimal == "," and "." in text):
        return None
    try:
        return float((text.replace(",", ".") if decimal == "," else text).replace("\u2212", "-"))  # a printed minus
    except ValueError:
        return None


def cure(text: str, decimal: str) -> str:
    """What to do about a text that should be a number; nothing if there is nothing to be said."""
    if text.lower() in GAPS:
        return "; fill the gap in or remove the row"
    if text.endswith("%"):
        return "; write percentages without the sign"
    if _THOUSANDS.fullmatch(text):
        return "; leave separators of thousands out" + ("" if decimal == "," else ", and write decimals with a point")
    if decimal == "," and number(text) is not None:
        return "; elsewhere in the file decimals are written with commas: do so everywhere, or nowhere"
    if _DECIMAL_COMMA.fullmatch(text):
        return "; write decimals with a point, or separate the columns with semicolons"
    if text.startswith("#"):
        return "; remove comments"
    return ""


# -- Text --------------------------------------------------------------------------------------------------------------


def _text(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: expected a CSV file, got a folder") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{path}: cannot read the file: {reason}") from error
    for begin, told in _NO_TEXT.items():
        if content.startswith(begin):
            raise DataError(f"{path}: expected a CSV file, got {told}")
    encoding = next((name for begin, name in _ENCODINGS.items() if content.startswith(begin)), "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: expected text in {encoding.upper().removesuffix('-SIG')}, got the byte "
            f"0x{content[error.start]:02x}; save the file as UTF-8"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: there is a null character: no text, or UTF-16; save the file as UTF-8")
    if text.lstrip()[:9].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise DataError(f"{path}: expected a CSV file, got a page of the web or XML; download the table itself")
    return text


def _without_sep(text: str) -> tuple[str, str]:
    """The text without a first line such as ``sep=;``, by which Excel is told the delimiter, and that; "" for none."""
    found = re.match(r'"?sep=([^\r\n]?)"?[ \t;,]*(?=\r|\n|$)', text, re.IGNORECASE)
    if found and found[1] in ("", '"'):
        raise csv.Error(f"line 1: {found[0]} names no delimiter; write it there, as in sep=; or remove the line")
    return (text[found.end() :], found[1]) if found else (text, "")


# -- Cells -------------------------------------------------------------------------------------------------------------


def _delimiter(text: str) -> str:
    """What separates the columns: of what is in the first line, that by which all lines have as many cells."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    candidates = [mark for mark in _DELIMITERS if mark in first]
    if len(candidates) < 2:
        return candidates[0] if candidates else ","
    for mark in candidates:
        try:
            widths = {len(row) for row in _parsed(text, mark)[0]}
        except csv.Error:
            continue
        if len(widths) == 1 and widths != {1}:
            return mark
    return max(candidates, key=first.count)


def _parsed(text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Rows that have a cell that is not empty, and the numbers of their lines."""
    rows: list[list[str]] = []
    lines: list[int] = []
    lenient = delimiter != " "  # blanks may stand before a quote
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=lenient)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(inner.startswith('"') and inner[0] != cell[0] for cell, inner in zip(cells, stripped)):
                raise csv.Error("before a quote stands what looks like a blank; remove it")
            if any(stripped):
                rows.append(stripped)
                lines.append(reader.line_num)
    except csv.Error as error:
        hint = next((cure for problem, cure in _CURES.items() if problem in f"{error}"), "")
        raise csv.Error(f"line {reader.line_num}: not a CSV file: {error}{hint}") from error
    return rows, lines
