"""The console: every page answers, in both languages, with nothing and with much; a sum opens what it sums."""

import csv
import io
import json
import re
from decimal import Decimal
from html import unescape

import httpx
import plotly.graph_objects as go
import pytest

from schemas.bank import BorrowerSnapshot, LoanSnapshot
from schemas.cases import CaseReopened, CaseStageChanged
from schemas.envelope import Fact
from services.kit.bench import Bench
from services.kit.pages import load_phrases
from services.kit.problem import install_problems
from services.kit.web import Door, Health, WebThread, listen
from services.reporting.api.asked import Desk
from services.reporting.app import application, publish_days
from services.reporting.domain.laws import LAWS
from services.reporting.domain.upcoming import ENDS, WAITS
from services.reporting.pages.console import HERE
from services.reporting.pages.sentences import rule
from services.reporting.store.listings import LISTINGS
from tests.reporting.log import Log, arrears, by_topic, closed, day, opened, overdue, write
from tests.reporting.town import Town

PAGES = ("/", "/portfolio", "/cases", "/ladder", "/agencies", "/promises", "/visits", "/laws", "/reports")
PAGES += tuple(f"/tables/{name}" for name in LISTINGS)
PHRASES = load_phrases(HERE)


def ZH(word: str) -> str:
    return PHRASES["zh-CN"].get(f"word.{word}", word)


@pytest.fixture(scope="module")
def door():
    """One server for all tests; what stands behind it is each test's own."""
    door = Door("reporting", lambda: Health("ready", "reporting"))
    server = WebThread(door, listen("127.0.0.1", 0)).start()
    yield door, f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture
def browser(bench: Bench, door):
    app = application(Desk(bench.runtime, "Asia/Shanghai"))
    install_problems(app)
    door[0].behind = app
    with httpx.Client(base_url=door[1], follow_redirects=True, timeout=30) as client:
        yield client


@pytest.fixture
def town(bench: Bench):
    made = Town(seed=4).log(40)
    write(bench, by_topic(made.records))
    return made


def heading(html):
    return unescape(re.search(r"<h1>(.*?)</h1>", html, re.S)[1].strip())


@pytest.mark.stack
@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_no_data_answers_in_both_languages(browser, page):
    for language in ("zh-CN", "en"):
        answer = browser.get(page, params={"lang": language})
        assert answer.status_code == 200
        assert heading(answer.text)
        assert f'<html lang="{language}">' in answer.text


@pytest.mark.stack
def test_every_page_with_data_answers_and_every_chart_is_one_that_plotly_knows(browser, bench, town):
    publish_days(Desk(bench.runtime, "Asia/Shanghai"))
    charts = 0
    for page in (*PAGES, "/cases/C-B00003-1", "/timeline/B00003", "/timeline/A-north"):
        for language in ("zh-CN", "en"):
            answer = browser.get(page, params={"lang": language})
            assert answer.status_code == 200, page
            for figure in re.findall(
                r"<script type=\"application/json\" data-chart=\"\w+\">(.*?)</script>", answer.text, re.S
            ):
                go.Figure(json.loads(re.sub(r"var\(--[\w-]+\)", "#123456", figure)))
                charts += 1
    assert charts > 12


@pytest.mark.stack
def test_the_first_page_begins_with_the_money_at_risk_and_no_wrongful_contact(browser, town):
    html = browser.get("/", params={"lang": "en"}).text
    at_risk = browser.get("/api/portfolio").json()["figures"]["standing"]["at_risk"]
    assert f"{float(at_risk):,.2f}" in heading(html)
    assert "Wrongful contacts" in html


@pytest.mark.stack
def test_the_language_stays_once_it_was_chosen(browser):
    assert (
        "逾期" in heading(browser.get("/ladder", params={"lang": "zh-CN"}).text)
        or "通知" in browser.get("/ladder").text
    )
    browser.get("/", params={"lang": "en"})
    assert '<html lang="en">' in browser.get("/laws").text


@pytest.mark.stack
def test_a_sum_opens_exactly_what_it_sums(browser, town):
    summary = browser.get("/api/summary").json()
    for outcome, count in summary["cases"].items():
        rows = list(csv.DictReader(io.StringIO(browser.get("/api/export/cases.csv", params={"outcome": outcome}).text)))
        assert len(rows) == count
    for state, count in summary["notices"].items():
        rows = list(csv.DictReader(io.StringIO(browser.get("/api/export/notices.csv", params={"state": state}).text)))
        assert len(rows) == count
    endings = list(csv.DictReader(io.StringIO(browser.get("/api/export/visits.csv").text)))
    assert len(endings) == sum(summary["visits"].values())
    paid = csv.DictReader(io.StringIO(browser.get("/api/export/payments.csv").text))
    assert f"{sum(round(float(r['amount']) * 100) for r in paid) / 100:.2f}" == summary["money"]["attributed"]


@pytest.mark.stack
def test_the_summary_has_the_keys_that_the_demo_promises(browser, town):
    summary = browser.get("/api/summary").json()
    assert list(summary) == [
        "loans", "borrowers", "published", "said", "cases", "notices", "placements", "visits", "promises", "money",
        "laws", "wrongful_contacts", "dead_letters", "latency_seconds",
    ]  # fmt: skip
    assert [law["name"] for law in summary["laws"]] == list(LAWS)
    assert all(set(law) == {"name", "holds", "left", "right"} for law in summary["laws"])
    assert set(summary["latency_seconds"]["overdue_to_notice"]) == {"p50", "p99"}


@pytest.mark.stack
def test_a_table_pages_by_cursor_without_gap_or_overlap_and_keeps_its_order(browser, town):
    seen, address = [], "/tables/notices?sort=-arrears&lang=en"
    while address:
        html = browser.get(address).text
        seen += re.findall(r'<td[^>]*><a class="id" href="/timeline/(N-[^"]+)"', html)
        following = re.search(r'href="(\?[^"]*cursor=[^"]*)"[^>]*>Next page', html)
        address = f"/tables/notices{unescape(following[1])}" if following else None
    total = sum(browser.get("/api/summary").json()["notices"].values())
    assert len(seen) == len(set(seen)) == total > 50


@pytest.mark.stack
@pytest.mark.parametrize("listing", LISTINGS)
def test_every_table_can_be_sorted_by_every_column_though_some_rows_have_nothing_there(browser, town, listing):
    for column in LISTINGS[listing].columns:
        for sort in (column.name, f"-{column.name}"):
            assert browser.get(f"/tables/{listing}", params={"sort": sort}).status_code == 200, sort


@pytest.mark.stack
def test_any_id_is_found_by_the_search_box(browser, town):
    for wanted, lands in (
        ("C-B00003-1", "/cases/C-B00003-1"),
        ("L-B00003", "/timeline/L-B00003"),
        (" B00003 ", "/timeline/B00003"),
        (town.records[50][0].id, f"/timeline/{town.records[50][0].id}"),
    ):
        answer = browser.get("/search", params={"q": wanted}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, lands)
        assert browser.get(lands).status_code == 200


@pytest.mark.stack
def test_an_id_that_nobody_named_is_a_page_that_says_what_to_do(browser, town):
    answer = browser.get("/timeline/B-nobody", params={"lang": "en"})
    assert answer.status_code == 404
    assert "No fact names this id" in answer.text


@pytest.mark.stack
def test_the_past_is_shown_as_it_was_known_and_links_stay_in_it(browser, town):
    then = day(20).date().isoformat()
    html = browser.get("/cases", params={"as_known": then, "lang": "en"}).text
    assert "Past view" in html
    assert f"as_known={then}" in re.search(r'href="(/ladder[^"]*)"', html)[1]
    before = sum(browser.get("/api/summary", params={"as_known": then}).json()["cases"].values())
    assert before < sum(browser.get("/api/summary").json()["cases"].values())
    assert f"{before} cases" in heading(html) or f"of {before}" in heading(html)


@pytest.mark.stack
@pytest.mark.parametrize(
    "address",
    [
        "/api/summary?as_known=yesterday",
        "/api/portfolio?days=99999999999",
        "/api/portfolio?roll_days=999999999",
        "/api/timeline/B-1?cursor=abc",
        "/timeline/a%00b",
        "/tables/cases?sort=nothing",
        "/tables/cases?cursor=x",
    ],
)
def test_a_question_that_cannot_be_read_is_answered_with_what_is_wrong(browser, town, address):
    answer = browser.get(address)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.stack
def test_a_case_page_says_what_waits_and_what_happened(browser, town):
    active = csv.DictReader(io.StringIO(browser.get("/api/export/placements.csv", params={"state": "active"}).text))
    placement = next(active)["id"]
    html = browser.get(f"/cases/{placement.replace('P-', 'C-')}", params={"lang": "en"}).text
    assert "The placement&#39;s term ends" in html
    assert "past due on 1 loan;" in heading(html)
    assert html.count("Loan overdue") < 5, "a daily repetition is one line"


@pytest.mark.stack
def test_a_stage_change_reads_from_what_was_to_what_is(browser, bench):
    log = Log()
    log.tell(opened(), day(0))
    change = {"case_id": "C-B1-1", "borrower_id": "B1", "before": "open", "after": "noticed", "changed_at": day(1)}
    log.tell(CaseStageChanged(**change), day(1))
    write(bench, by_topic(log.records))
    html = browser.get("/timeline/C-B1-1", params={"lang": "en"}).text
    assert "opened → <b>noticed</b>" in html


@pytest.mark.stack
def test_a_closed_case_shows_at_which_stage_it_was_left_and_what_was_due_when_it_opened(browser, bench):
    log = Log()
    log.tell(opened(), day(0))
    log.tell(closed(at=day(3)), day(3))
    write(bench, by_topic(log.records))
    html = browser.get("/cases", params={"lang": "en"}).text
    assert "left at: opened" in html
    assert "past due when opened" in html


@pytest.mark.stack
def test_the_share_of_closed_cases_counts_a_reopened_case_once(browser, bench):
    log = Log()
    for borrower in ("B1", "B2"):
        log.tell(opened(borrower), day(0))
        log.tell(closed(borrower, at=day(3)), day(3))
    again = {"case_id": "C-B1-1", "borrower_id": "B1", "previous_outcome": "cured", "cause": "bounced"}
    log.tell(CaseReopened(**again, reopened_at=day(4)), day(4))
    log.tell(closed("B1", at=day(5)), day(5))
    log.tell(opened("B3"), day(5))
    log.tell(overdue("B3"), day(5))
    write(bench, by_topic(log.records))
    assert "2 of 3 cases are closed, 1 still open" in browser.get("/", params={"lang": "en"}).text


def of_unknown_currency() -> BorrowerSnapshot:
    """A snapshot is all that is known of the loan, and it names no currency."""
    loan = LoanSnapshot(
        loan_id="L-B3",
        days_past_due=3,
        arrears=arrears("408.22", "0.00", "0.00"),
        outstanding_principal=Decimal("408.22"),
        status="overdue",
    )
    return BorrowerSnapshot(borrower_id="B3", business_date=day(59).date(), loans=(loan,))


@pytest.mark.stack
def test_what_is_past_due_beside_the_main_currency_is_said_and_opens_its_loans(browser, bench):
    log = Log()
    log.tell(overdue("B1", owed=arrears("900.00", "0.00", "0.00")), day(59))
    log.tell(overdue("B2", owed=arrears("70.00", "0.00", "0.00"), currency="USD"), day(59))
    log.tell(of_unknown_currency(), day(59))
    write(bench, by_topic(log.records))
    html = unescape(browser.get("/", params={"lang": "en"}).text)
    assert heading(html) == "CN¥900.00 is past due on 1 loan"
    assert "US$70.00 is past due on 1 loan" in html
    assert "408.22 (currency unknown) is past due on 1 loan" in html
    for page in ("/", "/portfolio"):
        for address in re.findall(r'href="([^"]*currency=(?:none|USD)[^"]*)"', unescape(browser.get(page).text)):
            assert browser.get(address).text.count('href="/timeline/L-') == 1
    none = csv.DictReader(io.StringIO(browser.get("/api/export/loans.csv", params={"currency": "none"}).text))
    assert [row["id"] for row in none] == ["L-B3"]


@pytest.mark.stack
def test_only_a_loan_of_unknown_currency_is_past_due_and_every_page_answers(browser, bench):
    log = Log()
    log.tell(of_unknown_currency(), day(59))
    write(bench, by_topic(log.records))
    assert heading(browser.get("/", params={"lang": "en"}).text) == "408.22 (currency unknown) is past due on 1 loan"
    for page in PAGES:
        assert browser.get(page).status_code == 200


@pytest.mark.stack
def test_a_rule_is_explained_where_its_denials_are_counted_and_listed(browser, town):
    rules = {row["rule"] for row in csv.DictReader(io.StringIO(browser.get("/api/export/denials.csv").text))}
    assert rules
    for page in ("/ladder", "/tables/denials"):
        html = browser.get(page, params={"lang": "zh-CN"}).text
        assert [r for r in rules if rule(r, "zh-CN", ZH) not in html or not rule(r, "zh-CN", ZH)] == []


@pytest.mark.stack
def test_a_spreadsheet_cannot_be_made_to_run_what_somebody_wrote():
    from services.reporting.api.export import _plain

    assert _plain("=HYPERLINK()") == "'=HYPERLINK()"


@pytest.mark.stack
def test_the_drawing_library_comes_from_our_own_address(browser):
    html = browser.get("/").text
    address = re.search(r'data-plotly="([^"]+)"', html)[1]
    answer = browser.get(address, headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert not re.search(r'(src|href)="https?://', html)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_kind_of_fact_every_column_and_every_law_has_a_name(language):
    known = PHRASES[language]
    kinds = [t for t, fact in Fact.KINDS.items() if fact.__module__.startswith("schemas.")]
    assert [t for t in kinds if f"type.{t.removesuffix('.v1')}" not in known] == []
    assert [c.name for table in LISTINGS.values() for c in table.columns if f"word.{c.name}" not in known] == [
        "currency"
    ] * sum(any(c.name == "currency" for c in table.columns) for table in LISTINGS.values())
    assert [law for law in LAWS if f"word.law.{law}" not in known] == []
    waits = [t for t in WAITS if t != "hold.placed.v1"]
    assert [t for t in waits if f"word.next.{t.removesuffix('.v1')}" not in known] == []
    assert {family for family, _ in WAITS.values()} == set(ENDS.values())
