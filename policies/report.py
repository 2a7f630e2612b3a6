"""Faults as text for people, as JSON, and as SARIF 2.1.0 (OASIS) for code hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from policies.errors import Fault
from policies.source import Source

__all__ = ["FORMATS", "as_json", "as_sarif", "as_text"]

FORMATS: Final = ("text", "json", "sarif")
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_WIDEST: Final = 160


def as_text(faults: Sequence[Fault], sources: Mapping[str, Source]) -> str:
    """``file:line:col: message [code]``, the source line and a caret under it; empty where nothing is wrong."""
    blocks = []
    for fault in faults:
        tail = f" ({fault.hint})" if fault.hint else ""
        lines = [f"{fault.file}:{fault.line}:{fault.column}: {fault.message}{tail} [{fault.code}]"]
        source = sources.get(fault.file)
        line = source.line(fault.line) if source is not None else ""
        if line.strip():
            start = max(0, fault.column - _WIDEST // 2) if len(line) > _WIDEST else 0
            shown = line[start : start + _WIDEST]
            # a tab before the caret stays a tab, so that both lines are as wide
            before = "".join("\t" if character == "\t" else " " for character in shown[: fault.column - 1 - start])
            lines += [f"  {shown}", f"  {before}^"]
        blocks.append("\n".join(lines))
    return "\n".join(blocks) + "\n" if blocks else ""


def as_json(faults: Sequence[Fault]) -> str:
    """One object: ``{"faults": [{"file", "line", "column", "code", "message", "hint"}]}``."""
    rows = [
        {
            "file": fault.file,
            "line": fault.line,
            "column": fault.column,
            "code": fault.code,
            "message": fault.message,
            "hint": fault.hint,
        }
        for fault in faults
    ]
    return json.dumps({"faults": rows}, ensure_ascii=False, indent=2) + "\n"


def as_sarif(faults: Sequence[Fault], version: str) -> str:
    """A SARIF 2.1.0 log with one run. Columns count code points, from 1."""
    codes = sorted({fault.code for fault in faults})
    index = {code: at for at, code in enumerate(codes)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "handrail policy lint",
                "version": version,
                "rules": [{"id": code, "shortDescription": {"text": code.replace("-", " ")}} for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            {
                "ruleId": fault.code,
                "ruleIndex": index[fault.code],
                "level": "error",
                "message": {"text": f"{fault.message} ({fault.hint})" if fault.hint else fault.message},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": _uri(fault.file)},
                            "region": {"startLine": fault.line, "startColumn": fault.column},
                        }
                    }
                ],
            }
            for fault in faults
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _uri(file: str) -> str:
    path = PurePath(file)
    if path.is_absolute():
        return path.as_uri()
    return quote(path.as_posix())
