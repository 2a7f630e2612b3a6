"""``python -m tests.integration.escalation.worker_child JSON``: a real worker with a shortened schedule."""

from __future__ import annotations

import json
import os
import sys

from guard.escalation.schedule import Schedule
from guard.escalation.webhook import Limits
from guard.escalation.worker import run
from guard.settings import load_settings


def main() -> int:
    options = json.loads(sys.argv[1])
    return run(
        load_settings(),
        schedule=Schedule(tuple(options["waits"])),
        limits=Limits(connect_seconds=1.0, total_seconds=options["total_seconds"]),
        parent_death=os.getppid() if options["bound"] else None,
        processes=options["processes"],
    )


if __name__ == "__main__":
    sys.exit(main())
