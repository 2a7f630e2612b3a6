"""A process that counts what a test tells it to on its standard input, one JSON list (a method and its arguments) a line."""

from __future__ import annotations

import json
import sys

from guard.telemetry.metrics import Metrics


def main() -> None:
    metrics = Metrics()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        if name == "render":
            answer = metrics.render()[0].decode()
        elif name == "cases":
            metrics.cases({(severity, state): count for severity, state, count in arguments})
            answer = ""
        elif name == "many":
            for _ in range(arguments[0]):
                metrics.turn("allow", "full", "chat.completions")
                metrics.stage("score", 0.003)
            answer = ""
        else:
            getattr(metrics, name)(*arguments)
            answer = ""
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
