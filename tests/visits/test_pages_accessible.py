"""Every state of the visitors' phone, of the check of a code and of the officers' lists, judged by axe-core."""

import pytest
from playwright.sync_api import Page

from services.visits.domain.credentials import code_of
from tests.visits import building as b
from tests.visits.story import KEY
from tests.visits.test_phone_in_a_browser import CHROMIUM, asked, line, phone

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="`make setup` installs axe")
__all__ = ["asked", "line", "phone"]
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def wrong(page: Page, address: str, status: int = 200, choose: str = "") -> list[str]:
    """What is wrong with a page, each with its first place; it is the page that was meant where its status says so.

    choose: a choice that shows further fields.
    """
    answer = page.goto(address)
    if choose:
        page.check(f"[value={choose}]")
    found = axe.Axe().run(page, options=RULES).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    faults = [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]
    faults += ["wider than the screen"] if wide else []
    faults += [f"status {answer.status}"] if answer.status != status else []
    return [f"{address}: {fault}" for fault in faults]


@pytest.fixture(params=["light", "dark"])
def page(request, line, phone: Page):
    context = phone.context.browser.new_context(
        base_url=f"http://127.0.0.1:{line.port}",
        viewport={"width": 360, "height": 740},
        color_scheme=request.param,
        bypass_csp=True,
        service_workers="block",
    )
    return context.new_page()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_no_page_of_visits_shuts_anybody_out(bench, page: Page, asked, language):
    page.goto(f"/credentials?lang={language}")
    assert page.locator("html").get_attribute("lang") == language
    me, visit = asked.team[0], asked.visit_id
    team, door, shown = f"/team/{me}", f"/team/{me}/{visit}", f"/visits/{visit}"
    open_ones = (team, door, "/credentials", f"/credentials/{code_of(KEY, visit)}", "/visits", shown)
    found = [fault for address in open_ones for fault in wrong(page, address)]
    nothing = ("/team/S-99", "/credentials/AAAAA-AAAAA", "/visits/V-0")
    found += [fault for address in nothing for fault in wrong(page, address, 404)]
    page.request.post(f"{shown}/arrival", data={"team": list(asked.team)})
    found += [fault for address in (door, f"{door}/report", shown) for fault in wrong(page, address)]
    found += [fault for choice in ("promise", "plan_agreed") for fault in wrong(page, f"{door}/report", choose=choice)]
    bench.deliver(b.cured())
    found += [fault for address in (team, door, shown, "/visits") for fault in wrong(page, address)]
    assert found == []
