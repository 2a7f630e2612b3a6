"""A shift of ten cases: by mouse, by keys alone, on a telephone without a script. And what people wrote stays text."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.house import House
from tests.acceptance.review.conftest import Opens
from tests.acceptance.review.desk import DISCLOSURE, open_cases, say, sign_in

CASES = 10
ENDINGS = ("True crisis", "True distress, no crisis", "Already in care", "False positive", "About somebody else")
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    '![x](https://evil.example/x.png) [y](javascript:alert(1)) <a href="https://evil.example">here</a>',
    "\u202ereversed\u202c \u2066isolated\u2069 \u200ehidden\u200f",
    '=HYPERLINK("https://evil.example","x") @SUM(A1) +1 -1',
    "</pre></div></main><style>*{display:none}</style><iframe src=//evil.example>{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp; \u0000 \ufeff \x1b[31m",
)


@pytest.fixture
def ten(house: House) -> None:
    """None but ten cases."""
    house.rows("update cases set state = 'closed', closed_at = now() where state <> 'closed' returning id")
    for _ in range(CASES):
        say(house, DISCLOSURE)
    assert open_cases(house) == CASES


def _decided(house: House) -> list[str]:
    """The kinds of the last ten decisions."""
    rows = house.rows("select kind from dispositions order by id desc limit %s", CASES)
    return [row["kind"] for row in rows][::-1]


@pytest.mark.usefixtures("ten")
def test_a_shift_by_mouse(house: House, opens: Opens) -> None:
    """Open and acknowledge, read, note, close: ten times, and the queue is empty."""
    page = opens()
    sign_in(page, house)
    for number in range(CASES):
        page.get_by_role("button", name="Open and acknowledge").first.click()
        expect(page.get_by_role("heading", name="Decide", exact=True)).to_be_visible()
        page.get_by_role("button", name="Show the text of turn").first.click()
        expect(page.locator(".said").first).to_contain_text("made up my mind")
        page.get_by_label(ENDINGS[number % len(ENDINGS)]).check()
        page.locator("textarea[name=note]").first.fill(f"Case {number}: rang back, <b>agreed</b> on tomorrow.")
        page.get_by_role("button", name="Close the case").click()
        expect(page.get_by_role("status")).to_contain_text("The case is closed")
    expect(page.get_by_role("heading", name="No case is open")).to_be_visible()
    assert open_cases(house) == 0
    assert _decided(house) == ["true_crisis", "true_distress", "in_care", "false_positive", "third_party"] * 2
    acknowledged = house.rows(
        "select count(distinct e.case_id) as n from case_events e join dispositions d on d.case_id = e.case_id"
        " where e.kind = 'acknowledged'"
    )
    assert acknowledged[0]["n"] >= CASES


@pytest.mark.usefixtures("ten")
def test_a_shift_by_keys_alone(house: House, opens: Opens) -> None:
    """j, Enter, t, n and a note, Esc, a number, Enter: the mouse is never touched."""
    page = opens()
    sign_in(page, house)
    for number in range(CASES):
        page.keyboard.press("j")
        expect(page.locator("[data-item]").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Decide", exact=True)).to_be_visible()
        page.keyboard.press("t")
        expect(page.locator(".said").first).to_contain_text("made up my mind")
        page.keyboard.press("n")
        page.keyboard.type(f"j k ? case {number}")
        page.keyboard.press("Escape")
        page.keyboard.press(str(number % len(ENDINGS) + 1))
        expect(page.locator("input[name=disposition]").nth(number % len(ENDINGS))).to_be_checked()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("The case is closed")
    expect(page.get_by_role("heading", name="No case is open")).to_be_visible()
    assert open_cases(house) == 0
    assert _decided(house) == ["true_crisis", "true_distress", "in_care", "false_positive", "third_party"] * 2


def test_a_case_on_a_telephone_without_a_script(house: House, opens: Opens) -> None:
    """Nothing needs the scripts: text has a page of its own then."""
    say(house, DISCLOSURE)
    page = opens(scheme="dark", width=360, height=740, java_script_enabled=False)
    sign_in(page, house)
    page.get_by_role("button", name="Open and acknowledge").first.click()
    page.get_by_role("button", name="Show the text of turn").first.click()
    expect(page.get_by_role("heading", name="What was said")).to_be_visible()
    expect(page.locator(".said").first).to_contain_text("made up my mind")
    page.get_by_role("link", name="Back to the case").click()
    page.get_by_label("Cannot tell").check()
    page.get_by_role("button", name="Close the case").click()
    expect(page.get_by_role("status")).to_contain_text("The case is closed")
    assert house.rows("select kind from dispositions order by id desc limit 1") == [{"kind": "cannot_tell"}]


@pytest.mark.parametrize("script", [True, False])
def test_hostile_text_stays_text_and_fetches_nothing(house: House, opens: Opens, script: bool) -> None:
    """Markup, links, overrides, formulas and a very long line: shown as they are, marked where they cannot be; not in the
    page before they are asked for. That no request left the origin is looked at when the browser ends."""
    house.rows("update cases set state = 'closed', closed_at = now() where state <> 'closed' returning id")
    say(house, *HOSTILE, "long " + "x" * 200_000, f"{DISCLOSURE} {' '.join(HOSTILE)}")
    page = opens(java_script_enabled=script)
    sign_in(page, house)
    page.get_by_role("button", name="Open and acknowledge").first.click()
    expect(page.get_by_role("heading", name="Decide", exact=True)).to_be_visible()
    assert "evil.example" not in page.content()
    shows = page.get_by_role("button", name="Show the text of turn")
    for turn in range(shows.count()):
        name = shows.first.get_attribute("aria-label") if script else shows.nth(turn).get_attribute("aria-label")
        assert name is not None
        page.get_by_role("button", name=name, exact=True).click()
        said = page.locator(".said")
        expect(said.first).to_be_visible()
        _is_text(page)
        if script:
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        else:
            page.get_by_role("link", name="Back to the case").click()


def _is_text(page: Page) -> None:
    """What was said made no element, and changed nothing around it."""
    assert "owned" not in page.title()
    for selector in (".said *", "iframe", "main style", "main script", "a[href*=evil]", "img[src*=evil]"):
        assert page.locator(selector).count() == 0, selector
    shown = "".join(page.locator(".said").all_inner_texts())
    assert not set(shown) & set("\u202e\u202c\u2066\u2069\u0000\ufeff\x1b")
    expect(page.get_by_role("contentinfo")).to_contain_text("not clinically validated")
