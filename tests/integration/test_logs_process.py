"""Logs of a real process: what ends up on its standard error, whatever goes wrong in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANTED = "zqplantedqz"

WAYS = {
    "uncaught": "raise ValueError(text)",
    "thread": "import threading\nt = threading.Thread(target=lambda: [][int('!' + text)])\nt.start(); t.join()",
    "task": (
        "import asyncio\n"
        "async def fail(): raise ValueError(text)\n"
        "async def main():\n    task = asyncio.create_task(fail())\n    await asyncio.sleep(0.01)\n    del task\n"
        "asyncio.run(main()); import gc; gc.collect()"
    ),
    "uvloop task": (
        "import uvloop, asyncio\n"
        "async def fail(): raise ValueError(text)\n"
        "async def main():\n    task = asyncio.create_task(fail())\n    await asyncio.sleep(0.01)\n    del task\n"
        "uvloop.run(main()); import gc; gc.collect()"
    ),
    "callback": (
        "import asyncio\n"
        "async def main():\n    asyncio.get_running_loop().call_soon(int, '!' + text)\n    await asyncio.sleep(0.01)\n"
        "asyncio.run(main())"
    ),
    "destructor": "class A:\n    def __del__(self): raise ValueError(text)\na = A(); del a",
    "warning": "import warnings; warnings.warn(text)",
    "library": "import httpx\nlogging.getLogger('httpx').warning('GET %s', text)",
    "broken handler": "logging.getLogger('guard.x').warning('%d items', text)",
    "child logger": "logger = logging.getLogger('other'); logger.setLevel(1); logger.error('%s', text)",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_was_planted_comes_out(way: str, form: str) -> None:
    script = (
        "import logging\nfrom guard.telemetry.logs import configure\n"
        f"configure('gateway', form={form!r})\n"
        f"text = {PLANTED[:5]!r} + {PLANTED[5:]!r}\n" + WAYS[way]
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr.strip()
    assert PLANTED not in done.stderr + done.stdout
    assert "zqp" not in done.stderr
    if form == "json":
        for line in done.stderr.splitlines():
            assert json.loads(line)["role"] == "gateway"
