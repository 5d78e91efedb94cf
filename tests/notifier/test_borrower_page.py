"""The borrower's page and the API beside it, on a real database."""

import re
from datetime import time, timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import Engine

from schemas.contacts import (
    ContactStopRequested,
    ContactTimesPreferred,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
)
from services.kit.bench import Bench
from services.notifier.api import api
from tests.notifier.edge import MORNING, cured, overdue, recorded, settings
from tests.notifier.reading import reader, reminded

pytestmark = pytest.mark.stack
CHINESE = {"accept-language": "zh-CN"}


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    return reminded(engine)


@pytest.fixture
def client(bench: Bench[Any, Any]) -> AsyncClient:
    return reader(bench)


def link(notice_id: str = "N-B-1-1", days: int = 60) -> str:
    return "/n/" + settings().links().sign("n", notice_id, MORNING + timedelta(days=days))


async def test_the_page_says_who_writes_what_is_owed_and_what_can_be_done(client: AsyncClient) -> None:
    answer = await client.get(link())
    assert answer.status_code == 200
    for part in ("示例消费金融", "¥100.00", "¥1.50", "¥101.50", "已逾期 2 天", "约定还款日期", "投诉", "核验来访人员"):
        assert part in answer.text
    assert "王小明" not in answer.text
    assert "138" not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_page_speaks_the_other_language_when_asked_to(client: AsyncClient) -> None:
    english = (await client.get(link() + "?lang=en")).text
    assert "A payment on your loan is 2 days past due" in english
    assert '<html lang="en">' in english


async def test_looking_changes_nothing(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    before = len(bench.said())
    await client.get(link())
    assert len(bench.said()) == before


async def test_a_promise_is_taken_once_and_thanked_for(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    form = {"answer": "promise", "promised_on": "2026-03-09", "amount": "￥1,01.50", "once": "x"}
    first = await client.post(link(), data=form)
    again = await client.post(link(), data=form)
    assert (first.status_code, again.status_code) == (303, 303)
    thanks = await client.get(first.headers["location"])
    assert "已记下您的日期和金额" in thanks.text
    (said,) = bench.said_of(NoticeAnswered)
    assert (said.answer, str(said.amount), said.currency, str(said.promised_on)) == (
        "promise",
        "101.50",
        "CNY",
        "2026-03-09",
    )


async def test_what_is_missing_is_named_and_nothing_is_lost(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    answer = await client.post(link(), data={"answer": "promise", "amount": "lots"})
    assert answer.status_code == 422
    assert 'value="lots"' in answer.text
    assert 'id="promise-amount-wrong"' in answer.text
    missing = await client.post(link(), data={"answer": "promise", "amount": "50"})
    assert 'id="promise-promised_on-wrong"' in missing.text
    assert bench.said_of(NoticeAnswered) == []


@pytest.mark.parametrize("day", ["9999-12-31", "2026-12-24", "2020-01-01"])
async def test_a_promise_for_no_sane_day_is_refused_on_the_page_and_by_rest(
    client: AsyncClient, bench: Bench[Any, Any], day: str
) -> None:
    form = {"answer": "promise", "promised_on": day, "amount": "100.00"}
    page = await client.post(link(), data=form)
    assert page.status_code == 422
    assert 'id="promise-promised_on-wrong"' in page.text
    told = await client.post("/borrowers/B-1/answers", json={**form, "currency": "CNY"})
    assert (told.status_code, told.headers["content-type"]) == (422, "application/problem+json")
    assert bench.said_of(NoticeAnswered) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "101.51", ("请填写不超过 ¥101.50 的金额", "Please name at most CN¥101.50.")),
        ("promised_on", "2026-06-03", ("2026年3月4日至2026年6月2日", "from 4 March 2026 to 2 June 2026")),
    ],
)
async def test_what_a_promise_goes_beyond_is_said_with_the_limit_in_both_languages(
    client: AsyncClient, bench: Bench[Any, Any], field: str, value: str, words: tuple[str, str]
) -> None:
    form = {"answer": "promise", "promised_on": "2026-03-09", "amount": "101.50", field: value}
    for language, said in zip(("zh-CN", "en"), words, strict=True):
        page = await client.post(link() + f"?lang={language}", data=form)
        assert page.status_code == 422
        wrong = re.search(rf'id="promise-{field}-wrong">([^<]*)<', page.text)
        assert wrong, page.text
        assert said in wrong[1]
    told = await client.post("/borrowers/B-1/answers", json={**form, "currency": "CNY"})
    assert (told.status_code, told.headers["content-type"]) == (422, "application/problem+json")
    assert bench.said_of(NoticeAnswered) == []


@pytest.mark.parametrize("answer", ["", "nonsense", "will_pay; DROP"])
async def test_an_answer_that_is_none_is_refused(client: AsyncClient, answer: str) -> None:
    assert (await client.post(link(), data={"answer": answer})).status_code == 422


async def test_a_dispute_stops_and_the_page_says_so(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    await client.post(link(), data={"answer": "dispute", "statement": "已经还清"})
    (raised,) = bench.said_of(DisputeRaised)
    assert raised.via == "link"
    assert "已经还清" not in str(raised)
    assert "您已提出异议" in (await client.get(link())).text


async def test_hardship_and_stop_are_taken_with_their_details(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    await client.post(link(), data={"answer": "hardship", "hardship": "illness"})
    await client.post(link(), data={"answer": "stop_request", "only": "true", "channels": ["sms", "visit"]})
    nothing_ticked = await client.post(link(), data={"answer": "stop_request", "only": "true"})
    assert bench.said_of(HardshipDeclared)[0].reason == "illness"
    assert [request.channels for request in bench.said_of(ContactStopRequested)] == [("sms", "visit")]
    assert nothing_ticked.status_code == 422


async def test_a_program_gets_what_was_said(client: AsyncClient) -> None:
    answer = await client.post(link(), data={"answer": "will_pay"}, headers={"accept": "application/json"})
    assert answer.json()["said"][0]["type"] == "notice.answered.v1"


async def test_when_nothing_is_owed_any_more_the_page_asks_for_nothing(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    bench.deliver(cured())
    page = (await client.get(link())).text
    assert "您目前没有逾期款项" in page
    assert 'value="promise"' not in page
    assert 'value="complaint"' in page


async def test_an_expired_link_opens_nothing_and_says_what_to_do(client: AsyncClient) -> None:
    answer = await client.get(link(days=-1))
    assert answer.status_code == 410
    assert "400-000-0000" in answer.text
    assert "101.50" not in answer.text


@pytest.mark.parametrize("token", ["abc", "AAAA" * 20, "%E4%B8%AD"])
async def test_a_made_up_link_opens_nothing(client: AsyncClient, token: str) -> None:
    assert (await client.get(f"/n/{token}")).status_code == 404
    assert (await client.post(f"/n/{token}", data={"answer": "will_pay"})).status_code == 404


async def test_a_link_to_a_notice_that_never_was_opens_nothing(client: AsyncClient) -> None:
    assert (await client.get(link("N-B-1-99"))).status_code == 404


async def test_what_people_type_is_shown_as_text(client: AsyncClient) -> None:
    page = (await client.post(link(), data={"answer": "promise", "amount": '"><script>alert(1)</script>'})).text
    assert "<script>" not in page


async def test_an_officer_records_an_answer_once_per_key(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    body = {"answer": "plan_request", "instalments": 4, "notice_id": "N-B-1-1"}
    key = {"idempotency-key": "k1"}
    first = await client.post("/borrowers/B-1/answers", json=body, headers=key)
    assert first.json() == (await client.post("/borrowers/B-1/answers", json=body, headers=key)).json()
    other = await client.post("/borrowers/B-1/answers", json={**body, "instalments": 5}, headers=key)
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    assert len(bench.said_of(NoticeAnswered)) == 1


async def test_what_the_domain_refuses_is_a_conflict_with_a_reason(client: AsyncClient) -> None:
    answer = await client.post("/borrowers/B-1/answers", json={"answer": "promise"})
    assert answer.status_code == 409
    assert "promise" in answer.json()["detail"]


async def test_contacts_and_their_decisions_can_be_read(client: AsyncClient) -> None:
    listed = (await client.get("/borrowers/B-1/contacts")).json()
    contact_id = listed["contacts"][0]["contact_id"]
    decided = (await client.get(f"/decisions/{contact_id}")).json()
    assert decided["decisions"][0]["allowed"] is True
    assert decided["decisions"][0]["rulebook"]
    missing = await client.get("/decisions/N-nobody-1")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


async def test_an_agency_asks_before_it_calls_and_tells_what_came_of_it(client: AsyncClient) -> None:
    body = {
        "borrower_id": "B-1",
        "channel": "voice",
        "proposed_by": "officer-7",
        "contact_point": "T-B-1",
        "recording": True,
    }
    asked = (await client.post("/contacts", json=body)).json()
    assert asked["allowed"] is True, asked
    told = {"outcome": "connected", "at": MORNING.isoformat()}
    outcome = await client.post(f"/contacts/{asked['contact_id']}/outcome", json=told)
    assert outcome.json()["said"][0]["type"] == "contact.settled.v1"


async def test_a_misspelt_field_is_named(client: AsyncClient) -> None:
    answer = await client.post("/borrowers/B-1/answers", json={"anwser": "will_pay"})
    assert {field["field"] for field in answer.json()["errors"]} == {"body.answer", "body.anwser"}


async def test_every_form_of_the_page_can_be_sent_as_it_stands(client: AsyncClient) -> None:
    page = (await client.get(link())).text
    forms = re.findall(r"<form method=\"post\">(.*?)</form>", page, re.S)
    answers = {re.search(r'name="answer" value="(\w+)"', form)[1] for form in forms}  # type: ignore[index]
    assert answers == {
        "will_pay",
        "promise",
        "plan_request",
        "dispute",
        "hardship",
        "stop_request",
        "complaint",
        "wrong_person",
        "times",
    }


@pytest.mark.parametrize(
    ("language", "asks"), [("zh-CN", "请至少勾选一种方式"), ("en", "Please tick at least one way")]
)
async def test_who_names_no_way_to_leave_out_is_asked_for_one(client: AsyncClient, language: str, asks: str) -> None:
    page = await client.post(f"{link()}?lang={language}", data={"answer": "stop_request", "only": "true"})
    assert page.status_code == 422
    assert f'id="stop_request-channels-wrong">{asks}' in page.text


async def test_every_field_that_is_wrong_is_named_at_once(client: AsyncClient) -> None:
    form = {"answer": "promise", "promised_on": " ", "amount": "much"}
    page = (await client.post(link(), data=form)).text
    assert re.search(r'id="promise-promised_on-wrong">请填写此项', page)
    assert re.search(r'id="promise-amount-wrong">请填写金额，例如 100.00', page)
    assert '<a href="#promise-form">' in page
    assert re.search(r'<details[^>]* id="promise-form" open>', page)


async def test_what_the_thanks_say_is_not_said_again_below_them(client: AsyncClient) -> None:
    await client.post(link(), data={"answer": "dispute"})
    assert (await client.get(link())).text.count('<div class="message"') == 1
    assert '<div class="message"' not in (await client.get(link() + "?done=dispute")).text


async def test_preferred_times_are_kept_shown_and_taken_once(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    form = {"answer": "times", "times": "evening", "once": "x"}
    first = await client.post(link(), data=form)
    await client.post(link(), data=form)
    assert first.status_code == 303
    assert "只在这些时间联系您" in (await client.get(first.headers["location"])).text
    (said,) = bench.said_of(ContactTimesPreferred)
    assert (said.from_time, said.until_time, said.via) == (time(18), time(21), "link")
    assert re.search(r'value="evening" checked', (await client.get(link())).text)
    wrong = await client.post(link(), data={"answer": "times", "times": "always"})
    assert wrong.status_code == 422


async def test_what_is_owed_is_shown_loan_by_loan(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    bench.deliver(overdue(days=5, loan_id="L-22334455"))
    page = (await client.get(link())).text
    for part in ("贷款 L-B-1", "贷款 …334455", "自 2026年2月27日 起逾期（5 天）", "¥203.00"):
        assert part in page


async def test_a_visitors_code_is_looked_up_where_visits_know_it(bench: Bench[Any, Any]) -> None:
    own = settings(credential_page="https://visits.example/credentials/")
    app = api(bench.runtime, settings=own)
    async with AsyncClient(transport=ASGITransport(app), base_url="https://lender.example") as client:
        answer = await client.get(link())
    assert '<form method="get" action="https://visits.example/credentials">' in answer.text
    assert "form-action 'self' https://visits.example;" in answer.headers["content-security-policy"]


DEBT = ("¥", "逾期", "101.50", "本金", "约定还款日期", "分期还款", "dispute", "<form", "N-B-1-1", "L-B-1")


async def test_who_is_somebody_else_sees_nothing_of_the_debt_by_any_link_to_that_number(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    said = await client.post(link(), data={"answer": "wrong_person"})
    assert said.status_code == 303
    bench.clock.instant += timedelta(days=3)
    for address in (said.headers["location"], link(), link(days=90)):
        page = await client.get(address)
        assert page.status_code == 200
        assert "我们不会再使用这个联系方式" in page.text
        assert [part for part in DEBT if part in page.text] == []
    english = (await client.get(link() + "?lang=en")).text
    assert "We will not use this contact again" in english
    assert "past due" not in english


async def test_who_is_somebody_else_cannot_act_on_the_debt(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    await client.post(link(), data={"answer": "wrong_person"})
    for form in ({"answer": "dispute"}, {"answer": "times", "times": "any"}, {"answer": "nonsense"}):
        refused = await client.post(link(), data=form)
        assert refused.status_code == 409
        assert [part for part in DEBT if part in refused.text] == []
    assert bench.said_of(DisputeRaised) == []
    assert (await client.post(link(), data={"answer": "wrong_person"})).status_code == 303


async def test_a_wrong_person_at_one_number_hides_nothing_from_the_borrower_at_another(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    told = {"answer": "wrong_person", "via": "agency", "contact_point": "E-B-1"}
    assert (await client.post("/borrowers/B-1/answers", json=told)).status_code == 200
    assert "¥101.50" in (await client.get(link())).text


async def test_what_an_officer_hears_of_an_old_contact_counts_for_its_number(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    bench.deliver(cured())
    bench.clock.instant += timedelta(days=40)
    told = {"answer": "wrong_person", "notice_id": "N-B-1-1"}
    assert (await client.post("/borrowers/B-1/answers", json=told)).status_code == 200
    assert bench.runtime.state("B-1").wrong_points == ("T-B-1",)


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "../../etc/passwd", "Mars\n"])
async def test_a_time_zone_that_nobody_knows_keeps_no_borrower_from_looking_or_answering(
    client: AsyncClient, bench: Bench[Any, Any], zone: str
) -> None:
    bench.deliver(recorded(time_zone=zone))
    assert "¥101.50" in (await client.get(link())).text
    assert (await client.post(link(), data={"answer": "dispute", "statement": "x"})).status_code == 303
    assert len(bench.said_of(DisputeRaised)) == 1
