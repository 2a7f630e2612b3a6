"""Reads the one spreadsheet among the sources with the standard library alone."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

__all__ = ["sheet"]

_NS: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_COLUMN: Final = re.compile(r"[A-Z]+")


def sheet(path: Path) -> Iterator[dict[str, str | float]]:
    """The rows of the first sheet of an .xlsx file by the names in its first row; empty cells are left out.

    The file is one that the caller trusts. Raises ``OSError`` and ``KeyError`` where it is not such a file.
    """
    with zipfile.ZipFile(path) as archive:
        shared: list[str] = []
        if "xl/sharedStrings.xml" in archive.namelist():
            root = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))  # noqa: S314  (a file that was given on purpose)
            shared = ["".join(piece.text or "" for piece in entry.iter(f"{_NS}t")) for entry in root.iter(f"{_NS}si")]
        names: dict[str, str] = {}
        with archive.open("xl/worksheets/sheet1.xml") as file:
            for _, element in ElementTree.iterparse(file):  # noqa: S314
                if element.tag != f"{_NS}row":
                    continue
                row = dict(_cell(cell, shared) for cell in element.iter(f"{_NS}c"))
                if names:
                    yield {names[column]: value for column, value in row.items() if value is not None and column in names}
                else:
                    names = {column: str(value) for column, value in row.items()}
                element.clear()


def _cell(cell: ElementTree.Element, shared: list[str]) -> tuple[str, str | float | None]:
    match = _COLUMN.match(cell.get("r", ""))
    column = match.group() if match else ""
    value = cell.find(f"{_NS}v")
    if cell.get("t") == "inlineStr":
        return column, "".join(piece.text or "" for piece in cell.iter(f"{_NS}t"))
    if value is None or value.text is None:
        return column, None
    if cell.get("t") == "s":
        return column, shared[int(value.text)]
    if cell.get("t") in ("str", "e"):
        return column, value.text
    return column, float(value.text)
