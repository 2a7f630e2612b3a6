"""The report's files: a page with its pictures inside, the same in Markdown, JSON, and each picture by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import orjson

from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.pictures import Picture
from detectors.evaluation.sections import Section

__all__ = ["markdown", "page", "write"]

_WARNING: Final = "Scores are estimates and not clinically validated. Figures hold for these rows and their labels."
_STYLE: Final = """
:root { color-scheme: light; --ink: #22303a; --soft: #5b6770; --line: #dde2e6; --paper: #fff; --tint: #f4f6f8 }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.5rem 5rem; max-width: 80rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 2.4rem 0 .3rem }
p { margin: .2rem 0 .8rem; color: var(--soft); max-width: 60rem }
.warning { border-left: 4px solid #b4561c; padding: .4rem .8rem; background: var(--tint); color: var(--ink) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .88rem }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; vertical-align: bottom } td { white-space: nowrap } td:first-child { font-weight: 500 }
tbody tr:hover { background: var(--tint) }
.insufficient, .undecided, .open { color: var(--soft) } .worse, .exceeded { color: #a3260f; font-weight: 600 }
.no-worse, .met { color: #1c6b3c; font-weight: 600 }
details { border-bottom: 1px solid var(--line); padding: .5rem 0 } summary { cursor: pointer; font-weight: 600 }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin: .8rem 0 }
.pictures svg { max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: 6px }
@media print { details { break-inside: avoid } }
"""
_WORDS: Final = frozenset(("insufficient", "undecided", "worse", "no worse", "met", "exceeded", "open", "not demonstrable"))


def write(
    folder: Path, title: str, about: str, report: Mapping[str, Any], sections: Sequence[Section], pictures: Sequence[Picture]
) -> list[str]:
    """Writes report.html, report.md, report.json and a file for each picture; their names. Raises :class:`RowsUnfit`."""
    files = {picture.file: picture.svg for picture in pictures}
    files["report.md"] = markdown(title, about, sections, pictures)
    files["report.html"] = page(title, about, sections, pictures)
    files["report.json"] = orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise RowsUnfit(f"{error.filename}: {error.strerror}; give a folder that can be written with --output") from None
    return list(files)


def markdown(title: str, about: str, sections: Sequence[Section], pictures: Sequence[Picture]) -> str:
    """The report in Markdown; pictures are linked."""
    parts = [f"# {title}", about, f"**{_WARNING}**"]
    for section in sections:
        parts += [f"## {section.title}", section.lead] if section.lead else [f"## {section.title}"]
        header, *rows = section.lines
        lines = [header, tuple("---" for _ in header), *rows]
        parts.append("\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines))
    for signal in dict.fromkeys(picture.signal for picture in pictures):
        shown = [picture for picture in pictures if picture.signal == signal]
        parts += [f"## Pictures of {signal}", "\n".join(f"![{one.signal}, {one.kind}]({one.file})" for one in shown)]
    return "\n\n".join(part for part in parts if part) + "\n"


def page(title: str, about: str, sections: Sequence[Section], pictures: Sequence[Picture]) -> str:
    """The report as one page that needs nothing besides."""
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(about)}</p>", f'<p class="warning">{_WARNING}</p>']
    body += [
        f"<section><h2>{escape(one.title)}</h2><p>{escape(one.lead)}</p>{_table(one)}</section>"
        for one in sections
        if not one.long
    ]
    long = [one for one in sections if one.long]
    signals = dict.fromkeys((*(picture.signal for picture in pictures), *(one.signal for one in long)))
    if signals:
        body.append("<h2>In detail</h2>")
    for at, signal in enumerate(signals):
        shown = "".join(picture.svg for picture in pictures if picture.signal == signal)
        own = "".join(
            f"<h2>{escape(one.title)}</h2><p>{escape(one.lead)}</p>{_table(one)}" for one in long if one.signal == signal
        )
        opened = " open" if at == 0 else ""
        body.append(
            f'<details{opened}><summary>{escape(signal)}</summary><div class="pictures">{shown}</div>{own}</details>'
        )
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _table(section: Section) -> str:
    header, *rows = section.lines
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, cells))}</tr>" for cells in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    kind = f' class="{text.replace(" ", "-")}"' if text in _WORDS else ""
    return f"<td{kind}>{escape(text)}</td>"
