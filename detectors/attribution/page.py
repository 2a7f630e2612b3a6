"""A page on which words are shaded by what they add to a score. It holds the text: keep it where the text may be kept."""

from __future__ import annotations

from html import escape
from typing import Final

from detectors.attribution.message import Attribution

__all__ = ["MOST", "Page"]

_HEAD: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{signal}: which words</title>
<style>
:root {{ color-scheme: light dark; --for: 190 70 20; --against: 20 90 170; --line: #8886 }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.3rem; margin: 0 }}
article {{ border-top: 1px solid var(--line); padding: 1rem 0 }}
h2 {{ font-size: .9rem; font-weight: 600; margin: 0 0 .4rem }}
h2 span {{ font-weight: 400; opacity: .75 }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }}
mark {{ color: inherit; border-radius: .2em; padding: .05em .1em }}
mark.for {{ background: rgb(var(--for) / var(--share)) }}
mark.against {{ background: rgb(var(--against) / var(--share)) }}
@media (prefers-color-scheme: dark) {{ :root {{ --for: 240 140 70; --against: 110 170 250 }} }}
.note {{ opacity: .8; font-size: .9rem }}
</style>
<h1>{signal}: which words</h1>
<p class="note">{model}. Integrated gradients: <mark class="for" style="--share:.5">raises</mark> and
<mark class="against" style="--share:.5">lowers</mark> the score, against the same text with its words masked.
Not clinically validated: it shows what this model went by, not what is true of the person.</p>
"""
MOST: Final = 500
"""Messages on one page: it is kept in memory until the end."""

_FAINTEST: Final = 0.06  # of the strongest word's weight: less is not shaded


class Page:
    """Gathers messages, the first :data:`MOST`, and writes them as one page."""

    def __init__(self, signal: str, model: str) -> None:
        self._left_out = 0
        self._parts = [_HEAD.format(signal=escape(signal), model=escape(model))]

    def add(self, name: str, text: str, found: Attribution) -> None:
        """One message, shaded."""
        if len(self._parts) > MOST:
            self._left_out += 1
            return
        complete = "" if found.complete else ", not complete"
        value = f"{found.value:.2f}"
        if found.value != found.calibrated:
            value += f" with the lexicon's {found.lexicon:.2f}, {found.calibrated:.2f} without"
        told = f"{value}; earlier turns add {found.context:+.1f}{complete}"
        self._parts.append(
            f"<article><h2>{escape(name)} <span>{escape(told)}</span></h2>\n<p>{_shaded(text, found)}</p></article>\n"
        )

    def html(self) -> str:
        """The page."""
        more = f'<p class="note">{self._left_out:,} more are in the output file alone.</p>\n' if self._left_out else ""
        return "".join((*self._parts, more))


def _shaded(text: str, found: Attribution) -> str:
    strongest = max((abs(word.weight) for word in found.words), default=0.0)
    parts: list[str] = []
    at = 0
    for word in found.words:
        share = abs(word.weight) / strongest if strongest else 0.0
        if share < _FAINTEST:
            continue
        kind = "for" if word.weight > 0 else "against"
        parts.append(escape(text[at : word.start]))
        parts.append(f'<mark class="{kind}" style="--share:{0.65 * share:.2f}">{escape(text[word.start : word.end])}</mark>')
        at = word.end
    return "".join((*parts, escape(text[at:])))
