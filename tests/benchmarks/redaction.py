"""What redacting costs, with and without the head, by length.

Run: ``python -m tests.benchmarks.redaction``. The fastest of five rounds is printed, in milliseconds. Compare within one
run; absolutes move between machines.
"""

from __future__ import annotations

import time

from detectors.pii.redactor import Redactor

_ROUNDS = 5
_PLAIN = "i went home and it was late and i was tired and nobody had called, so i sat down and "
_NAMED = "my brother Tom lives in Leeds, he is on 07700 900123 or tom@example.com, and i went home and "


def fastest(redactor: Redactor, text: str) -> float:
    """Milliseconds a text."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        redactor.redact(text)
        best = min(best, time.perf_counter() - began)
    return best * 1000


def main() -> None:
    """Prints one line a measurement."""
    for title, redactor in (("patterns alone", Redactor()), ("with the head", Redactor.load())):
        for words in (20, 100, 1000, 10_000):
            for kind, part in (("plain", _PLAIN), ("with names", _NAMED)):
                text = " ".join((part * (words // 15 + 1)).split()[:words])
                print(f"{title:<16}{words:>7} words, {kind:<12}{fastest(redactor, text):>10.1f} ms")


if __name__ == "__main__":
    main()
