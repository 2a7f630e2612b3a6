"""A pack's form: what is wrong with one is said with its file, its line and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.external.calibration import Raw, Sigmoid, Table
from detectors.external.document import LARGEST
from detectors.external.errors import PackUnfit
from detectors.external.pack import PACKS, Use, pack_file, read_pack
from detectors.external.tiers import read_packs
from detectors.signals import SIGNALS

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD = f"""\
name: weather
model:
  hub: somebody/weather
  revision: {COMMIT}
licence: MIT
languages: [en, de]
use: highest
signals:
  distress: storm
  risk.suicide:
    labels: [a, b]
    combine: sum
    calibration: {{slope: 0.5, offset: -1}}
    threshold: 0.3
    use: replace
  context.past:
    not_labels: [now]
    calibration:
      knots: [[0, 0], [0.5, 0.1], [1, 1]]
"""


def written(folder: Path, text: str, name: str = "pack.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_good_pack(tmp_path: Path) -> None:
    pack = read_pack(written(tmp_path, GOOD))
    mapped = pack.spec.signals
    assert list(mapped) == ["distress", "risk.suicide", "context.past"]
    assert mapped["distress"].labels == ("storm",)
    assert [pack.spec.use_of(name) for name in mapped] == [Use.HIGHEST, Use.REPLACE, Use.HIGHEST]
    assert mapped["distress"].calibrated() == Raw()
    assert mapped["risk.suicide"].calibrated() == Sigmoid(0.5, -1.0)
    assert mapped["context.past"].calibrated() == Table(((0.0, 0.0), (0.5, 0.1), (1.0, 1.0)))
    assert pack.spec.reads("de")
    assert pack.spec.reads(None)
    assert not pack.spec.reads("fr")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("name: weather", "name: Weather@1", 1, "lower-case letters"),
        ("name: weather", "name: lexicon", 1, "a name that Handrail has itself"),
        ("name: weather\n", "", 1, "name is missing"),
        ("licence: MIT\n", "", 1, "licence is missing"),
        (f"  revision: {COMMIT}", "  revision: main", 2, "commit in full"),
        (f"  revision: {COMMIT}\n", "", 2, "commit in full"),
        ("  hub: somebody/weather", "  hub: weather", 2, "OWNER/NAME"),
        (f"  hub: somebody/weather\n  revision: {COMMIT}", "  folder: x\n  sha256: ab", 2, "64 hexadecimal digits"),
        ("licence: MIT", "licence: 12", 5, "licence must be text; put it in quotes"),
        ("  hub: somebody/weather", "  hub: somebody/weather\n  folder: x", 2, "either hub"),
        ("languages: [en, de]", "languages: [english]", 6, "ISO 639-1"),
        ("languages: [en, de]", "languages: []", 6, "ISO 639-1"),
        ("use: highest", "use: maximum", 7, "'fill', 'highest' or 'replace'"),
        ("use: highest", "usage: highest", 7, "there is no such key; did you mean 'use'?"),
        ("  distress: storm", "  distres: storm", 9, "'distres' is no signal; did you mean 'distress'?"),
        ("  distress: storm", "  risk.suicide_level: storm", 9, "no probability of one text"),
        ("  distress: storm", "  session.forecast: storm", 9, "no probability of one text"),
        ("  distress: storm", "  distress: []", 9, "at least one label"),
        ("  distress: storm", "  distress: {labels: [a], not_labels: [b]}", 9, "give labels, or not_labels"),
        ("  distress: storm", "  distress: [a, a]", 9, "twice"),
        ("    combine: sum", "    combine: mean", 12, "'max' or 'sum'"),
        ("    threshold: 0.3", "    threshold: 0", 14, "greater than 0"),
        ("    threshold: 0.3", "    treshold: 0.3", 14, "did you mean 'threshold'?"),
        ("{slope: 0.5, offset: -1}", "{slope: -0.5, offset: -1}", 13, "greater than 0"),
        ("{slope: 0.5, offset: -1}", "{slope: 0.5}", 13, "slope and offset, or knots"),
        ("{slope: 0.5, offset: -1}", "{slope: .inf, offset: 0}", 13, "finite"),
        ("[[0, 0], [0.5, 0.1], [1, 1]]", "[[0, 0], [0.5, 0.9], [1, 0.2]]", 18, "turns no order round"),
        ("[[0, 0], [0.5, 0.1], [1, 1]]", "[[0, 0], [1, 1.5]]", 18, "from 0 to 1"),
        ("[[0, 0], [0.5, 0.1], [1, 1]]", "[[0, 0]]", 18, "two or more"),
        ("  distress: storm", "  distress: storm\n  distress: rain", 10, "stands twice"),
        ("  distress: storm", "  distress: &a storm", 9, "anchors and aliases"),
        ("  distress: storm", "  distress: !!python/name:os.system storm", 9, "the tag"),
        ("use: highest", "use: [highest", 8, "no YAML"),
        ("use: highest", "context: {turn: '{text} {mood}'}", 7, "{text} once"),
        ("use: highest", "max_tokens: 4", 7, "greater than or equal to 16"),
        ("use: highest", "device: tpu", 7, "pattern"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(PackUnfit) as caught:
        read_pack(path)
    told = str(caught.value)
    assert any(part.startswith(f"{path}:{line}: ") and says in part for part in told.splitlines()), told


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("weather\nmodel", "W\nmodel").replace("distress", "stress").replace("0.3", "3"))
    with pytest.raises(PackUnfit) as caught:
        read_pack(path)
    assert [part.removeprefix(f"{path}:").split(":")[0] for part in str(caught.value).splitlines()] == ["1", "9", "14"]


@pytest.mark.parametrize(
    ("text", "says"), [("", "holds no pack"), ("- a", "a pack is a mapping"), ("a: b\n---\nc: d", "YAML")]
)
def test_what_is_no_pack(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PackUnfit, match=says):
        read_pack(written(tmp_path, text))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PackUnfit, match=r"there is no such pack.*did you mean 'go-emotions'"):
        read_pack("go-emotion")
    with pytest.raises(PackUnfit, match="there is no such pack"):
        read_pack(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(PackUnfit, match="UTF-8"):
        read_pack(tmp_path / "bytes.yaml")
    with pytest.raises(PackUnfit, match="KiB"):
        read_pack(written(tmp_path, "# " + "x" * LARGEST))
    with pytest.raises(PackUnfit, match="nested more than"):
        read_pack(written(tmp_path, "[" * 5000))


def test_the_name_changes_with_what_can_change_a_score(tmp_path: Path) -> None:
    def name(text: str) -> str:
        return read_pack(written(tmp_path, text)).name

    first = name(GOOD)
    assert first.startswith("weather@")
    assert name("# a comment\n" + GOOD) == first
    assert name(GOOD.replace("MIT", "Apache-2.0")) == first
    for old, new in (
        ("0.3", "0.4"),
        ("-1}", "-2}"),
        ("storm", "rain"),
        (COMMIT, COMMIT[::-1]),
        ("use: replace", "use: fill"),
    ):
        assert name(GOOD.replace(old, new, 1)) != first


def test_two_packs_have_two_names(tmp_path: Path) -> None:
    with pytest.raises(PackUnfit, match="has the name 'weather' too"):
        read_packs([written(tmp_path, GOOD), written(tmp_path, GOOD, "other.yaml")])


def test_the_pack_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "external-models.md").read_text("utf-8")
    pack = read_pack(written(tmp_path, page.split("```yaml\n")[1].split("```")[0]))
    unsaid = set(type(pack.spec).model_fields) - pack.spec.model_fields_set
    assert unsaid == {"about"}, "the page shows every key"


@pytest.mark.parametrize("name", sorted(path.stem for path in PACKS.glob("*.yaml")))
def test_the_packs_that_are_shipped_can_be_read(name: str) -> None:
    pack = read_pack(name)
    assert pack_file(name) == pack.file
    assert set(pack.spec.signals) <= set(SIGNALS)
    assert pack.spec.name == name
