"""The visitors' phone as they use it: a real browser, with and without a connection."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from schemas.visits import VisitPermitRequested, VisitRefused
from services.kit.web import WebThread, listen
from services.visits.api import create_api
from tests.visits import building as b
from tests.visits.conftest import VisitsBench
from tests.visits.test_api import asked

__all__ = ["asked"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


class Line:
    """The connection between phone and service. Cut, it is cut on both sides: a browser's own "offline" still lets
    through what a service worker passes on."""

    def __init__(self, bench: VisitsBench) -> None:
        self._bench = bench
        self._web = WebThread(create_api(bench.runtime), listen("127.0.0.1", 0)).start()
        self.port = self._web.port

    def cut(self, phone: Page) -> None:
        phone.context.set_offline(True)
        self.close()

    def mend(self, phone: Page) -> None:
        self._web = WebThread(create_api(self._bench.runtime), listen("127.0.0.1", self.port)).start()
        phone.context.set_offline(False)

    def close(self) -> None:
        self._web.stop()


@pytest.fixture
def line(bench: VisitsBench) -> Iterator[Line]:
    line = Line(bench)
    yield line
    line.close()


@pytest.fixture
def phone(line: Line) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{line.port}", locale="en", viewport={"width": 360, "height": 740}
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        yield page
        browser.close()


def test_a_team_asks_is_told_go_and_reports_from_a_place_without_connection(
    bench: VisitsBench, line: Line, phone: Page, asked: VisitPermitRequested
):
    phone.goto(f"/team/{asked.team[0]}")
    phone.evaluate("navigator.serviceWorker.ready")
    phone.reload()
    phone.get_by_text("next stop").click()
    phone.get_by_role("checkbox").check()
    phone.get_by_role("button", name="may we ring").click()
    expect(phone.get_by_text("GO", exact=True)).to_be_visible()
    phone.get_by_label("Both of us showed our badges").check()
    phone.get_by_role("button", name="report").click()
    phone.get_by_label("Refused to speak or pay").check()
    line.cut(phone)
    phone.get_by_role("button", name="Send the result").click()
    expect(phone.get_by_text("1 waiting to be sent")).to_be_visible()
    assert not bench.said_of(VisitRefused)
    line.mend(phone)
    expect(phone.get_by_text("waiting to be sent")).to_be_hidden()
    assert bench.said_of(VisitRefused)[0].conduct.identity_shown


def go_when_settled(phone: Page, path: str, tries: int = 20) -> None:
    """Go there; a navigation that the page itself began without a connection may still be under way."""
    for last in [False] * (tries - 1) + [True]:
        try:
            phone.goto(path)
            return
        except Error:
            if last:
                raise
            phone.wait_for_timeout(250)


def test_a_result_that_waited_and_is_not_accepted_is_not_lost(line: Line, phone: Page, asked: VisitPermitRequested):
    address = f"/team/{asked.team[0]}/{asked.visit_id}"
    phone.goto(address)
    phone.get_by_role("checkbox").check()
    phone.get_by_role("button", name="may we ring").click()
    phone.get_by_role("button", name="report").click()
    phone.get_by_label("Promised to pay").check()
    line.cut(phone)
    phone.get_by_role("button", name="Send the result").click()
    line.mend(phone)
    go_when_settled(phone, f"/team/{asked.team[0]}")
    phone.get_by_role("link", name="put it right").click()
    expect(phone.get_by_label("Promised to pay")).to_be_visible()


def test_without_a_connection_the_answer_at_the_door_is_stop(line: Line, phone: Page, asked: VisitPermitRequested):
    phone.goto(f"/team/{asked.team[0]}/{asked.visit_id}")
    phone.get_by_role("checkbox").check()
    line.cut(phone)
    phone.get_by_role("button", name="may we ring").click()
    expect(phone.get_by_role("alert")).to_contain_text("STOP")
    expect(phone.get_by_role("alert")).to_contain_text("Do not ring")


def test_breaking_off_is_one_touch(bench: VisitsBench, phone: Page, asked: VisitPermitRequested):
    phone.goto(f"/team/{asked.team[0]}/{asked.visit_id}")
    phone.get_by_role("button", name="Break off").click()
    expect(phone.get_by_role("alert")).to_contain_text("STOP")
    bench.deliver(b.cured())
    assert bench.state(b.BORROWER).visit is None
