"""What comments of public sets say of risk: read here by their ids, since their texts stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from detectors.corpus.errors import CorpusInvalid, Fault, LabelFault
from detectors.corpus.labels import Labels, labels_of, marks_of, spoken_of
from detectors.corpus.reading import FOLDER, numbered_lines
from detectors.signals import Side

__all__ = ["read_comments"]

_SPOKEN: Final = ("risk.*", "warning.*", "violence.*", "abuse.*", "concern.*", "context.past", "context.figurative")


def read_comments(source: str, folder: Path = FOLDER) -> Mapping[str, Labels]:
    """The labels of ``folder/comments/source.txt`` by comment, a line ``id: labels`` for each; none where there is no such
    file. Raises :class:`CorpusInvalid` with every line at fault."""
    path = folder / "comments" / f"{source}.txt"
    if not path.is_file():
        return {}
    spoken = spoken_of(Side.USER, _SPOKEN)
    faults: list[Fault] = []
    found: dict[str, Labels] = {}
    for number, line in numbered_lines(path, folder, faults):
        comment, colon, marks = line.partition(":")
        problem = None
        if not colon or not comment.strip():
            problem = "is no comment; write 'id: labels'"
        elif comment in found:
            problem = f"the comment {comment!r} stands here already; take one of the two out"
        else:
            try:
                found[comment] = labels_of(marks_of(marks, Side.USER), Side.USER, spoken)
            except LabelFault as error:
                problem = str(error)
        if problem is not None:
            faults.append(Fault(str(path.relative_to(folder)), number, problem))
    if faults:
        raise CorpusInvalid(faults)
    return found
