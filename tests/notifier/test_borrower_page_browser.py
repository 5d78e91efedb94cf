"""The borrower's page in a real Chromium, on a narrow phone, without any script."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright
from sqlalchemy import Engine

from schemas.contacts import NoticeAnswered
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier.api import api
from services.notifier.app import service
from tests.notifier.carriers import free_port, until
from tests.notifier.edge import MORNING, overdue, recorded, settings
from tests.notifier.test_borrower_page import link

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no system Chromium"),
]
FAILS_CONTRAST = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const ratio = node => {
    const pair = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    return (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
  };
  return [...document.querySelectorAll('main *, header *, footer *')]
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .filter(node => ratio(node) < 4.5).map(node => node.textContent.trim().slice(0, 40));
}"""
OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })"
TOO_SMALL = """[...document.querySelectorAll('button, summary, .button, select, input:is([type=date], [name=amount])')]
  .filter(element => element.offsetHeight < 44).length"""
UNNAMED = """[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter(element => !element.labels.length).length"""


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    bench: Bench[Any, Any] = Bench(service(), engine, ManualClock(MORNING))
    huge = {"principal": "123456789012.34", "interest": "98765432.10", "fees": "1234567.89"}
    bench.deliver(recorded(), overdue(days=412, arrears=huge))
    while bench.tick_due():
        pass
    return bench


@asynccontextmanager
async def served(bench: Bench[Any, Any]) -> AsyncIterator[str]:
    app, port = api(bench.runtime, settings=settings()), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def phone(**options: Any) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 360, "height": 740}, **options)
        yield await context.new_page()
        await browser.close()


async def test_a_promise_can_be_made_without_any_script(bench: Bench[Any, Any]) -> None:
    async with served(bench) as base, phone(locale="zh-CN", java_script_enabled=False) as page:
        await page.goto(base + link())
        await page.get_by_role("heading", name="约定还款日期").click()
        await page.get_by_label("日期", exact=True).fill("2026-03-09")
        await page.get_by_label("金额").fill("50")
        await page.locator("details[open] button").click()
        assert "谢谢" in await page.get_by_role("status").inner_text()
    (said,) = bench.said_of(NoticeAnswered)
    assert (said.answer, str(said.amount)) == ("promise", "50")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_page_fits_a_narrow_phone_and_can_be_read(bench: Bench[Any, Any], scheme: str, language: str) -> None:
    async with served(bench) as base, phone(locale=language, color_scheme=scheme) as page:
        await page.goto(base + link() + f"?lang={language}")
        await page.evaluate(OPEN_ALL)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await page.evaluate(FAILS_CONTRAST) == []
        assert await page.evaluate(TOO_SMALL) == 0
        assert await page.evaluate(UNNAMED) == 0


async def test_everything_can_be_reached_by_keyboard_and_shows_where_it_is(bench: Bench[Any, Any]) -> None:
    async with served(bench) as base, phone(locale="en") as page:
        await page.goto(base + link() + "?lang=en")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        seen = set()
        for _ in range(25):
            await page.keyboard.press("Tab")
            seen.add(await page.evaluate("document.activeElement.textContent.trim().slice(0, 30)"))
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert await page.evaluate(f"document.activeElement === document.body || {outline} === 'solid'")
        assert {"Pay", "Choose a date", "Complain", "I am not this person"} <= seen
