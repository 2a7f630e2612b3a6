"""The gallery prints everything, and nothing in it has a flaw."""

from __future__ import annotations

import pytest

from policies.completions import __main__ as gallery
from policies.completions.catalog import TEMPLATES


def test_the_gallery_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery.main(["--country", "US", "--country", "KE"]) == 0
    printed = capsys.readouterr().out
    assert all(f"--- {template}," in printed for template in TEMPLATES)
    assert "FLAWS" not in printed and "LAST RESORT" not in printed


def test_an_unknown_template_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gallery.main(["ccs/nothing"])
    assert "no such template: ccs/nothing" in capsys.readouterr().err
