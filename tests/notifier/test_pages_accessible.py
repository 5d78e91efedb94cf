"""Every state of notifier's pages in a real Chromium, judged by axe-core. ARREARS_PICTURES: a folder for pictures."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright
from sqlalchemy import Engine

from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier import domain, handlers
from services.notifier.api import api
from services.notifier.app import service
from tests.notifier.carriers import free_port, until
from tests.notifier.edge import MORNING, cured, overdue, recorded, settings
from tests.notifier.test_borrower_page import link

axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="`make setup` installs axe")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no system Chromium"),
]
PICTURES = os.environ.get("ARREARS_PICTURES", "")
HUGE = {"principal": "123456789012.34", "interest": "98765432.10", "fees": "1234567.89"}
OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })"
LANGUAGES, WIDTHS = ("zh-CN", "en"), (360, 390)
CUT = """[...document.querySelectorAll('select')].filter(shown => {
    const whole = shown.cloneNode(true);
    whole.style.cssText = 'position: absolute; width: max-content; max-width: none';
    shown.after(whole);
    const needed = whole.offsetWidth;
    whole.remove();
    return shown.offsetWidth && needed > shown.offsetWidth;
}).map(shown => shown.name)"""
"""The lists of choices of a page that are too narrow for their longest choice."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
FIRM = {"law_firm": "Zhengheng Law Firm", "law_firm_zh": "正衡律师事务所", "law_firm_address": "8 Law Road, Shenzhen"}


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    """One borrower for each state of the page."""
    bench: Bench[Any, Any] = Bench(service(), engine, ManualClock(MORNING))
    for borrower in ("B-1", "B-2", "B-3", "B-4"):
        bench.deliver(recorded(borrower), overdue(borrower, days=12))
    bench.deliver(overdue("B-2", days=412, loan_id="L-000000000000000000987654", arrears=HUGE), cured("B-3"))
    while bench.tick_due():
        pass
    given = domain.Answered("dispute", "N-B-4-1", statement="x")
    bench.command("B-4", handlers.command(domain.answer, given))
    (pending,) = [contact.contact_id for contact in bench.state("B-2").contacts if contact.state == "pending"]
    bench.command("B-2", handlers.command(domain.claimed, pending))
    bench.command("B-2", handlers.command(domain.submitted, pending, domain.Unknown("the line broke")))
    bench.clock.instant += timedelta(hours=30)
    return bench


@asynccontextmanager
async def served(bench: Bench[Any, Any]) -> AsyncIterator[str]:
    own = settings(credential_page="https://visits.example/credentials", pay_page="https://pay.example", **FIRM)
    app, port = api(bench.runtime, settings=own), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def judged(page: Page, name: str) -> list[str]:
    """What is wrong with the page as it stands, each with its first place. Keeps a picture where one is wanted."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
    found = await axe.Axe().run(page, options=RULES)
    wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    wrong = [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found.response["violations"]]
    cut = [f"{name} is cut" for name in await page.evaluate(CUT)]
    return [*wrong, *cut, *(["wider than the screen"] if wide else [])]


async def fill(page: Page, answer: str, **fields: str) -> None:
    """Send a form of the page as somebody without script would, past the browser's own checks."""
    form = page.locator(f"form:has(input[name=answer][value={answer}])").first
    await form.evaluate("form => { form.noValidate = true; form.closest('details').open = true }")
    for name, value in fields.items():
        await form.locator(f"[name={name}]").fill(value)
    async with page.expect_navigation():
        await form.locator("button").click()


async def as_it_comes(_page: Page) -> None:
    return


async def all_open(page: Page) -> None:
    await page.evaluate(OPEN_ALL)


async def a_mistake(page: Page) -> None:
    await fill(page, "promise", amount="much", promised_on="")


async def thanked(page: Page) -> None:
    await fill(page, "complaint")


STATES: dict[str, tuple[str, Callable[[Page], Any]]] = {
    "overdue": (link("N-B-1-1"), as_it_comes),
    "overdue-open": (link("N-B-1-1"), all_open),
    "huge-open": (link("N-B-2-1"), all_open),
    "settled": (link("N-B-3-1"), as_it_comes),
    "disputed": (link("N-B-4-1"), as_it_comes),
    "mistake": (link("N-B-1-1"), a_mistake),
    "thanked": (link("N-B-1-1"), thanked),
    "expired": (link("N-B-1-1", days=1), as_it_comes),
    "invalid": ("/n/nonsense", as_it_comes),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_state_of_the_borrowers_page_shuts_anybody_out(
    bench: Bench[Any, Any], scheme: Literal["light", "dark"]
) -> None:
    wrong: dict[str, list[str]] = {}
    async with served(bench) as base, chromium() as browser:
        for language in LANGUAGES:
            for width in WIDTHS if scheme == "light" else WIDTHS[:1]:
                context = await browser.new_context(
                    viewport={"width": width, "height": 780}, locale=language, color_scheme=scheme, bypass_csp=True
                )
                page = await context.new_page()
                for state, (address, act) in STATES.items():
                    name = f"{state}-{language}-{width}-{scheme}"
                    await page.goto(f"{base}{address}?lang={language}")
                    await act(page)
                    if found := await judged(page, name):
                        wrong[name] = found
                await context.close()
    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_pages_for_ops_shut_nobody_out(bench: Bench[Any, Any], language: str) -> None:
    places = {
        "unknown": "/unknown?",
        "templates": "/templates?country=US&",
        "text-sms": f"/templates/notice/sms?country=US&text={language}&",
        "text-call": f"/templates/notice/voice?text={language}&",
        "text-letter": f"/templates/lawyers_letter/letter?text={language}&",
        "mail": f"/templates/notice/email/mail?text={language}&",
    }
    wrong: dict[str, list[str]] = {}
    async with served(bench) as base, chromium() as browser:
        for width in (360, 1440):
            context = await browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
            page = await context.new_page()
            for place, address in places.items():
                await page.goto(f"{base}{address}lang={language}")
                if found := await judged(page, f"{place}-{language}-{width}"):
                    wrong[f"{place}-{language}-{width}"] = found
            await context.close()
    assert wrong == {}
