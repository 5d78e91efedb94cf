"""The console on a phone, in a real Chromium: no table scrolls sideways, no list of choices is cut."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from services.kit.bench import Bench
from services.kit.web import WebThread, listen
from services.reporting.api.asked import Desk
from services.reporting.app import application, publish_days
from tests.reporting.log import by_topic, write
from tests.reporting.test_console import PAGES
from tests.reporting.town import Town

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no system Chromium"),
]
CASE = "/cases/C-B00003-1"
SIDEWAYS = """[...document.querySelectorAll('main, .scroll, .stepper')]
    .filter(part => part.scrollWidth > part.clientWidth)
    .map(part => part.getAttribute('aria-label') || part.tagName)"""
NAMELESS = """[...document.querySelectorAll('.stack td:not(.whole)')]
    .filter(cell => cell.textContent.trim() && !cell.dataset.label).map(cell => cell.outerHTML.slice(0, 120))"""
CUT = """[...document.querySelectorAll('select')].filter(shown => {
    const whole = shown.cloneNode(true);
    whole.style.cssText = 'position: absolute; width: max-content; max-width: none';
    shown.after(whole);
    const needed = whole.offsetWidth;
    whole.remove();
    return shown.offsetWidth && needed > shown.offsetWidth;
}).map(shown => shown.name + ' is cut')"""


@pytest.fixture
def served(bench: Bench[Any, Any]) -> Iterator[str]:
    """The console of a town with sixty days behind it."""
    write(bench, by_topic(Town(seed=4).log(60).records))
    desk = Desk(bench.runtime, "Asia/Shanghai")
    publish_days(desk)
    web = WebThread(application(desk), listen("127.0.0.1", 0)).start()
    yield f"http://127.0.0.1:{web.port}"
    web.stop()


@pytest.fixture
def phone(served: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_context(base_url=served, viewport={"width": 360, "height": 780}).new_page()
        browser.close()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_on_a_phone_every_value_stands_beside_its_name_and_nothing_scrolls_sideways(phone: Page, language: str) -> None:
    wrong: dict[str, list[str]] = {}
    for address in (*PAGES, CASE):
        phone.goto(f"{address}?lang={language}")
        phone.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true })")
        if found := [fault for asked in (SIDEWAYS, NAMELESS, CUT) for fault in phone.evaluate(asked)]:
            wrong[address] = found
    assert wrong == {}
