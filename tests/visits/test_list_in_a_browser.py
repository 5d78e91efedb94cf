"""The officers' list on a screen: all of its columns are seen at 1440 px, and on a phone each visit is a card."""

import pytest
from playwright.sync_api import Page
from sqlalchemy import insert

from services.visits.store import visits
from tests.visits.test_phone_in_a_browser import CHROMIUM, asked, line, phone

__all__ = ["asked", "line", "phone"]
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_list_of_visits_shows_every_column_on_a_wide_screen(bench, line, phone: Page, asked, language):
    _with_long_words(bench, asked)
    phone.set_viewport_size({"width": 1440, "height": 900})
    phone.goto(f"/visits?lang={language}")
    wide = phone.evaluate("[...document.querySelectorAll('.scroll')].map((e) => [e.scrollWidth, e.clientWidth])")
    assert all(needed <= given for needed, given in wide), wide
    assert phone.evaluate("document.querySelector('main').clientWidth") > 1300


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_on_a_phone_every_value_of_a_visit_stands_beside_its_name_and_nothing_scrolls_sideways(
    bench, line, phone: Page, asked, language
):
    _with_long_words(bench, asked)
    phone.goto(f"/visits?lang={language}")
    wide = phone.evaluate("[...document.querySelectorAll('.scroll')].map((e) => [e.scrollWidth, e.clientWidth])")
    assert wide
    assert all(needed <= given for needed, given in wide), wide
    heads = phone.locator(".scroll").first.locator("th").all_text_contents()
    for row in phone.locator(".scroll").first.locator("tbody tr").all():
        cells = row.locator("td").evaluate_all("all => all.map((cell) => cell.dataset.label)")
        assert cells == heads


def _with_long_words(bench, asked):
    """A row as long as they become: an agency without a name yet, long ids, the longest reason."""
    row = {
        "visit_id": "V-B-1000000042-117", "borrower_id": "B-1000000042", "case_id": "C-1", "placement_id": "P-1",
        "agency_id": "shenzhen-qianhai-field-services", "loan_ids": ["L-1"], "state": "cancelled", "attempt": 3,
        "day": asked.window_start.date(), "local_from": "09:00", "local_until": "14:00", "utc_offset_minutes": 480,
        "window_start": asked.window_start, "window_end": asked.window_end, "address_id": "AD-1", "place": "home",
        "team": ["S-qianhai-0117", "S-qianhai-0118"], "proof_id": "N-1", "requested_at": asked.window_start,
        "reason": "incapacitated",
    }  # fmt: skip
    with bench.engine.begin() as db:
        db.execute(insert(visits).values(row))
