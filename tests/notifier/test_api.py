"""Agencies and officers over HTTP, on a real database: decided and reserved at once, said once, readable for ever."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from prometheus_client import REGISTRY
from sqlalchemy import Engine, select

from schemas.contacts import ContactAllowed, ContactDenied
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier import domain, handlers
from services.notifier.api import api
from services.notifier.app import service
from services.notifier.store import found_out
from services.rulebook.record import rerun
from services.rulebook.shelf import load_rulebooks
from tests.notifier.edge import MORNING, dead_letter, overdue, recorded, settings

pytestmark = pytest.mark.stack
CALL = {
    "borrower_id": "B-1",
    "channel": "voice",
    "proposed_by": "officer-7",
    "recording": True,
    "contact_point": "T-B-1",
}
PROPOSERS, CAP = 50, 3


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    bench: Bench[Any, Any] = Bench(service(), engine, ManualClock(MORNING))
    bench.deliver(recorded(), overdue(days=2))
    return bench


@pytest.fixture
def client(bench: Bench[Any, Any]) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(api(bench.runtime, settings=settings())), base_url="https://notifier")


def test_fifty_who_ask_at_the_same_moment_get_no_more_than_the_cap(engine: Engine) -> None:
    """Two workers that both think they own the borrower, and at each 25 agencies and officers who want to call."""
    benches = [Bench[Any, Any](service(), engine, ManualClock(MORNING)) for _ in range(2)]
    benches[0].deliver(recorded(), overdue(days=2))

    def ask(number: int) -> list[Any]:
        asked = domain.Asked("voice", f"officer-{number}", MORNING, contact_point="T-B-1", recording=True)
        act = handlers.command(domain.propose, asked)
        return [event.data for event in benches[number % 2].runtime.command("B-1", act, key=f"ask-{number}")]

    with ThreadPoolExecutor(PROPOSERS) as pool:
        said = [fact for facts in pool.map(ask, range(PROPOSERS)) for fact in facts]
    allowed = [fact for fact in said if isinstance(fact, ContactAllowed)]
    denied = [fact for fact in said if isinstance(fact, ContactDenied)]
    assert (len(allowed), len(denied)) == (CAP, PROPOSERS - CAP)
    assert len({fact.contact_id for fact in (*allowed, *denied)}) == PROPOSERS
    assert all({"CN-FREQ-02"} & {reason.rule_id for reason in fact.reasons} for fact in denied)
    assert len(benches[0].said_of(ContactAllowed)) == CAP + 1, "and the reminder"


async def test_a_proposal_is_answered_with_its_reasons_and_stands_in_the_ledger(client: AsyncClient) -> None:
    allowed = (await client.post("/contacts", json=CALL)).json()
    assert allowed["allowed"] is True
    assert allowed["expires_at"] > allowed["not_before"]
    night = {**CALL, "at": (MORNING + timedelta(hours=14)).isoformat()}
    denied = (await client.post("/contacts", json=night)).json()
    assert (denied["allowed"], denied["reasons"][0]["rule_id"]) == (False, "CN-TIME-01")
    assert denied["retry_at"]
    told = {"outcome": "connected", "at": MORNING.isoformat(), "dials": 2}
    assert (await client.post(f"/contacts/{allowed['contact_id']}/outcome", json=told)).status_code == 200
    ledger = (await client.get("/cases/C-B-1-1/ledger")).json()
    entries = {entry["contact_id"]: entry for entry in ledger["entries"]}
    assert entries[allowed["contact_id"]]["contact"]["state"] == "settled"
    assert entries[denied["contact_id"]]["contact"] is None
    assert entries[denied["contact_id"]]["decisions"][0]["allowed"] is False
    assert {entry["proposed_by"] for entry in entries.values()} == {"officer-7", "notifier"}
    (decision,) = (await client.get(f"/decisions/{denied['contact_id']}")).json()["decisions"]
    rulebook = load_rulebooks().labelled(decision["rulebook"])
    assert rulebook is not None
    assert rerun(decision["inputs"], rulebook).allowed is False


async def test_the_same_proposal_twice_is_decided_once(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    key = {"idempotency-key": "k-1"}
    answers = await asyncio.gather(*(client.post("/contacts", json=CALL, headers=key) for _ in range(5)))
    assert len({answer.json()["contact_id"] for answer in answers}) == 1
    other = await client.post("/contacts", json={**CALL, "channel": "sms"}, headers=key)
    assert other.status_code == 422
    assert other.headers["content-type"] == "application/problem+json"
    assert len([fact for fact in bench.said_of(ContactAllowed) if fact.proposed_by == "officer-7"]) == 1


async def test_an_agency_without_the_case_is_denied_and_told_so(client: AsyncClient) -> None:
    answer = (await client.post("/contacts", json={**CALL, "proposed_by": "A-south"})).json()
    assert (answer["allowed"], answer["reasons"][0]["rule_id"]) == (False, "GATE-PLACEMENT")


async def test_who_tells_what_became_of_a_denied_contact_hears_that_it_was_denied_and_by_what(
    client: AsyncClient,
) -> None:
    night = {**CALL, "at": (MORNING + timedelta(hours=14)).isoformat()}
    denied = (await client.post("/contacts", json=night)).json()
    told = {"outcome": "connected", "at": MORNING.isoformat()}
    answer = await client.post(f"/contacts/{denied['contact_id']}/outcome", json=told)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert "was denied" in answer.json()["detail"]
    assert denied["reasons"][0]["text"] in answer.json()["detail"]
    assert "CN-TIME-01" in answer.json()["detail"]


async def test_a_call_of_tomorrow_is_not_taken_and_one_told_late_is_taken_and_told_to_those_who_watch(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    first = (await client.post("/contacts", json=CALL)).json()["contact_id"]
    soon = {"outcome": "connected", "at": (MORNING + timedelta(minutes=3)).isoformat()}
    assert (await client.post(f"/contacts/{first}/outcome", json=soon)).status_code == 422
    bench.deliver(recorded(region="CN-BJ"))
    listed = (await client.get("/borrowers/B-1/contacts")).json()["contacts"]
    assert [row["state"] for row in listed if row["contact_id"] == first] == ["cancelled"]
    for _ in range(CAP):
        assert (await client.post("/contacts", json=CALL)).json()["allowed"] is True
    seen = REGISTRY.get_sample_value("arrears_notifier_overrun_total") or 0
    told, key = {"outcome": "connected", "at": MORNING.isoformat()}, {"idempotency-key": "late"}
    answers = [await client.post(f"/contacts/{first}/outcome", json=told, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert REGISTRY.get_sample_value("arrears_notifier_overrun_total") == seen + 1
    denied = (await client.post("/contacts", json=CALL)).json()
    assert denied["counters"]["CN-FREQ-02"] == CAP + 1


async def test_a_call_after_its_permit_was_withdrawn_is_counted_and_told_to_those_who_watch(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    call = (await client.post("/contacts", json=CALL)).json()["contact_id"]
    bench.deliver(recorded(region="CN-BJ"))
    bench.clock.instant += timedelta(minutes=5)
    seen = REGISTRY.get_sample_value("arrears_notifier_made_without_permit_total") or 0
    told = {"outcome": "connected", "at": bench.clock.now().isoformat()}
    assert (await client.post(f"/contacts/{call}/outcome", json=told)).status_code == 200
    assert REGISTRY.get_sample_value("arrears_notifier_made_without_permit_total") == seen + 1


async def test_what_is_wrong_is_a_problem_document(client: AsyncClient) -> None:
    for path, body, status in (
        ("/contacts", {**CALL, "chanel": "voice"}, 422),
        ("/contacts/N-B-1-99/outcome", {"outcome": "connected", "at": MORNING.isoformat()}, 404),
        ("/borrowers/B-1/consents", {"kind": "channel", "evidence": ""}, 422),
        ("/borrowers/B-9/consents", {"kind": "channel", "evidence": "call 1"}, 404),
        ("/borrowers/B-9/answers", {"answer": "will_pay"}, 404),
        ("/borrowers/B-9/times", {}, 404),
        ("/borrowers/B-1/consents/CO-9/withdrawal", None, 409),
    ):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
        assert answer.json()["detail"]
    assert (await client.get("/cases/C-B-9-1/ledger")).status_code == 404
    assert (await client.get("/cases/C-B-1-1/ledger?before=rubbish")).status_code == 422


async def test_consents_and_times_are_taken_and_taken_back(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    given = await client.post("/borrowers/B-1/consents", json={"kind": "night_contact", "evidence": "call 7"})
    (event,) = [event for event in given.json()["said"] if event["type"] == "consent.given.v1"]
    night = {**CALL, "at": (MORNING + timedelta(hours=14)).isoformat()}
    assert (await client.post("/contacts", json=night)).json()["allowed"] is True
    path = f"/borrowers/B-1/consents/{event['data']['consent_id']}/withdrawal"
    taken = (await client.post(path, headers={"idempotency-key": "w"})).json()["said"]
    assert [event["type"] for event in taken][:2] == ["consent.withdrawn.v1", "contact.cancelled.v1"]
    assert (await client.post(path, headers={"idempotency-key": "w"})).json()["said"] == taken
    assert (await client.post("/contacts", json=night)).json()["allowed"] is False
    evening = {"from_time": "18:00", "until_time": "21:00"}
    assert (await client.post("/borrowers/B-1/times", json=evening)).status_code == 200
    assert (await client.post("/contacts", json=CALL)).json()["allowed"] is False
    assert bench.state("B-1").quiet_times


async def test_lists_go_on_where_they_stopped(client: AsyncClient) -> None:
    for _ in range(5):
        await client.post("/contacts", json=CALL)
    seen, place = [], ""
    while True:
        page = (await client.get("/cases/C-B-1-1/ledger", params={"limit": 2, "before": place})).json()
        seen += [entry["contact_id"] for entry in page["entries"]]
        if not page["next"]:
            break
        place = page["next"]
    assert sorted(seen) == [f"N-B-1-{n}" for n in range(1, 7)]


async def test_what_nobody_knows_the_end_of_is_listed_with_its_age(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    while bench.tick_due():
        pass
    bench.command("B-1", handlers.command(domain.claimed, "N-B-1-1"))
    bench.command("B-1", handlers.command(domain.submitted, "N-B-1-1", domain.Unknown("the line broke")))
    bench.clock.instant += timedelta(hours=5, minutes=30)
    listed = (await client.get("/notices/unknown")).json()
    assert listed["count"] == 1
    (notice,) = listed["notices"]
    assert (notice["contact_id"], notice["age_hours"], notice["reason"]) == ("N-B-1-1", 5.5, "the line broke")
    page = await client.get("/unknown", headers={"accept-language": "en"})
    assert "N-B-1-1" in page.text
    assert "the line broke" in page.text


async def test_what_the_carrier_says_takes_a_notice_off_the_list_and_does_nothing_else(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    while bench.tick_due():
        pass
    told = {"finding": "arrived", "said_by": "officer-7"}
    assert (await client.post("/notices/unknown/N-B-1-1", json=told)).status_code == 409
    bench.command("B-1", handlers.command(domain.claimed, "N-B-1-1"))
    bench.command("B-1", handlers.command(domain.submitted, "N-B-1-1", domain.Unknown("the line broke")))
    said = len(bench.said())
    for wrong in ({"finding": "perhaps", "said_by": "x"}, {"finding": "arrived", "said_by": " "}):
        assert (await client.post("/unknown/N-B-1-1", data=wrong)).status_code == 422
    assert (await client.get("/notices/unknown")).json()["count"] == 1
    assert (await client.post("/unknown/N-B-1-1", data=told)).status_code == 303
    assert (await client.get("/notices/unknown")).json()["count"] == 0
    assert (await client.post("/notices/unknown/N-B-1-1", json={**told, "finding": "not_known"})).status_code == 200
    assert (await client.post("/notices/unknown/N-9", json=told)).status_code == 404
    assert len(bench.said()) == said
    with bench.engine.connect() as db:
        assert db.execute(select(found_out.c.finding, found_out.c.said_by)).all() == [("arrived", "officer-7")]


async def test_a_mail_that_the_mail_server_took_is_counted_and_not_listed(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    bench.deliver(recorded("B-2", phones=()), overdue("B-2"))
    while bench.tick_due():
        pass
    mail = bench.said_of(ContactAllowed)[-1].contact_id
    taken = domain.Accepted(f"<{mail}@lender.example>", bench.clock.now(), "v2", "0" * 64)
    bench.command("B-2", handlers.command(domain.claimed, mail))
    bench.command("B-2", handlers.command(domain.submitted, mail, taken))
    bench.clock.instant += timedelta(hours=73)
    while bench.tick_due():
        pass
    listed = (await client.get("/notices/unknown")).json()
    assert (listed["count"], listed["mails_without_receipt"]) == (0, 1)
    assert "没有回执" in (await client.get("/unknown", headers={"accept-language": "zh-CN"})).text


async def test_everything_is_described(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), f"{method} {path} says nothing"
            if "borrower's page" not in route["tags"] and "application/json" in str(route["responses"].get("200")):
                schema = route["responses"]["200"]["content"]["application/json"]["schema"]
                assert schema, f"{method} {path} has no shape"
    proposal = document["paths"]["/contacts"]["post"]["responses"]
    assert "application/problem+json" in proposal["422"]["content"]


async def test_every_text_can_be_looked_at_before_it_is_sent(client: AsyncClient) -> None:
    listed = (await client.get("/api/templates", params={"country": "US"})).json()
    by_place = {(text["name"], text["channel"], text["language"]): text for text in listed["texts"]}
    assert listed["version"] == "v3"
    assert "law_firm" in by_place["lawyers_letter", "letter", "en"]["unfit"]
    for (name, channel, language), text in by_place.items():
        if name != "lawyers_letter":
            assert "attempt to collect" in text["text"] or "旨在催收" in text["text"]
            assert ("opt_out" in text["parts"]) == (channel in ("sms", "email"))
        page = await client.get(
            f"/templates/{name}/{channel}", params={"country": "US", "text": language, "lang": "en"}
        )
        assert page.status_code == 200
        assert ('role="alert"' in page.text) == bool(text.get("unfit"))
    index = await client.get("/templates", params={"lang": "en", "country": "US"})
    assert "6 texts" in index.text or "5 texts" in index.text
    mail = await client.get("/templates/notice/email/mail", params={"text": "en"})
    assert "unsafe-inline" in mail.headers["content-security-policy"]
    assert (await client.get("/templates/letter/letter/page.png")).content.startswith(b"\x89PNG")
    assert (await client.get("/templates/letter/letter/page.pdf")).content.startswith(b"%PDF")
    assert (await client.get("/templates/lawyers_letter/letter/page.pdf")).status_code == 200
    assert (await client.get("/templates/nothing/sms")).status_code == 404
    assert (await client.get("/api/templates", params={"country": "XX"})).status_code == 404


async def test_a_key_that_would_make_the_fact_unreadable_is_refused_and_nothing_is_said(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    before = len(bench.said())
    answer = await client.post(
        "/borrowers/B-1/answers", json={"answer": "stop_request"}, headers={"Idempotency-Key": "a\tb"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "idempotency key" in answer.json()["detail"]
    assert len(bench.said()) == before


async def test_preferred_times_with_an_offset_are_refused_and_the_borrower_can_still_be_decided(
    client: AsyncClient,
) -> None:
    answer = await client.post("/borrowers/B-1/times", json={"from_time": "10:00+05:00", "until_time": "12:00Z"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (await client.post("/contacts", json=CALL)).json()["allowed"] is True


async def test_no_call_is_permitted_while_what_could_stop_it_is_still_being_read(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    key = {"idempotency-key": "k-1"}
    bench.knowledge.behind = timedelta(seconds=5)
    answer = await client.post("/contacts", json=CALL, headers=key)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert [fact for fact in bench.said_of(ContactAllowed) if fact.proposed_by == "officer-7"] == []
    bench.knowledge.behind = timedelta(0)
    assert (await client.post("/contacts", json=CALL, headers=key)).json()["allowed"] is True


async def test_no_call_is_permitted_to_a_person_of_whom_a_record_could_not_be_read(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    dead_letter(bench.engine, "B-1")
    answer = await client.post("/contacts", json=CALL)
    assert answer.status_code == 503
    assert "dead letters" in answer.json()["detail"]
