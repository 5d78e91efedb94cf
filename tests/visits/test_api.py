"""What people and systems ask of visits, on a real database."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from schemas.agencies import AgencyLicensed, AgencyRegistered, AgencySuspended, StaffMember
from schemas.control import StrategyPaused, StrategyResumed
from schemas.visits import VisitArrived, VisitCompleted, VisitNoContact, VisitPermitRequested
from services.rulebook.shelf import load_rulebooks
from services.visits.api import create_api
from services.visits.api.base import House
from services.visits.domain.credentials import code_of
from services.visits.store import metadata
from services.visits.store_panel import load_panel
from tests.visits import building as b
from tests.visits.conftest import Client, VisitsBench
from tests.visits.story import KEY

pytestmark = pytest.mark.stack
PAGE = {"accept": "text/html", "accept-language": "en"}


def list_agency(bench: VisitsBench) -> None:
    staff = tuple(
        StaffMember(staff_id=s.staff_id, badge=s.badge, certified_until=s.certified_until, regions=s.regions)
        for s in b.STAFF[:2]
    )
    bench.deliver(
        AgencyRegistered(
            agency_id=b.AGENCY,
            name="South Field Services",
            regions=("CN-GD",),
            products=("consumer_loan",),
            capacity=10,
            target_share=100,
            contact="south@example",
        ),
        AgencyLicensed(
            agency_id=b.AGENCY,
            licence_number="L-1",
            licensed_until=date(2030, 1, 1),
            inspected_on=date(2026, 1, 1),
            staff=staff,
        ),
    )


@pytest.fixture
def asked(bench: VisitsBench) -> VisitPermitRequested:
    """A visit whose permit stands, half an hour into its window."""
    list_agency(bench)
    place = b.home(latitude="22.5431", longitude="114.0579")
    bench.deliver(b.recorded(place), b.overdue())
    bench.deliver(b.activated())
    asked = bench.said_of(VisitPermitRequested)[0]
    bench.deliver(b.allowed(asked))
    bench.advance(asked.window_start + timedelta(minutes=30) - bench.clock.now())
    return asked


def ask(client: Client, asked: VisitPermitRequested, *team: str) -> dict[str, Any]:
    response = client.post(f"/visits/{asked.visit_id}/arrival", json={"team": team or asked.team})
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def result(asked: VisitPermitRequested, disposition: str = "not_home", **changes: Any) -> dict[str, Any]:
    body = {
        "agency_id": b.AGENCY,
        "team": asked.team,
        "result": {"disposition": disposition},
        "conduct": {"identity_shown": True},
    }
    return body | changes


def test_the_tables_are_as_the_store_describes_them(engine: Engine):
    found = inspect(engine)
    for table in metadata.sorted_tables:
        described = {column.name: column.nullable for column in table.columns}
        assert {c["name"]: c["nullable"] for c in found.get_columns(table.name)} == described
        assert {i["name"] for i in found.get_indexes(table.name)} == {i.name for i in table.indexes}


def test_decisions_know_the_agencies_and_who_is_booked(bench, asked):
    with bench.engine.connect() as db:
        known = load_panel(db, b.POLICY, bench.clock.now(), load_rulebooks())
        assert known.booked == {(staff_id, asked.window_start.date()): 1 for staff_id in asked.team}
        assert known.agencies[b.AGENCY] == b.agency(name="South Field Services", staff=b.STAFF[:2])
        assert load_panel(db, b.POLICY, bench.clock.now() + timedelta(days=3), load_rulebooks()).booked == {}


def test_a_paused_strategy_plans_nothing_until_it_is_resumed(bench):
    list_agency(bench)
    bench.deliver(StrategyPaused(target="default", reason="flood", by="ops"))
    bench.deliver(b.recorded(), b.overdue())
    bench.deliver(b.activated())
    bench.advance(timedelta(hours=3))
    assert not bench.said_of(VisitPermitRequested)
    bench.deliver(StrategyResumed(target="default", reason="flood over", by="ops"))
    bench.advance(timedelta(hours=2))
    assert len(bench.said_of(VisitPermitRequested)) == 1


def test_the_team_is_told_go_and_how_freshly_that_is_known(bench, client, asked):
    answer = ask(client, asked)
    assert (answer["answer"], answer["code"]) == ("go", "go")
    assert answer["known_as_of"]
    assert bench.said_of(VisitArrived)[0].arrived_at == bench.clock.now()


def test_a_payment_a_moment_before_turns_go_into_stop(bench, client, asked):
    bench.deliver(b.paid())
    answer = ask(client, asked)
    assert (answer["answer"], answer["code"]) == ("stop", "over")
    assert not bench.said_of(VisitArrived)


def test_a_go_is_good_for_its_moment_only_the_same_question_later_is_a_new_one(bench, client, asked):
    headers = {"Idempotency-Key": "same"}
    address, body = f"/visits/{asked.visit_id}/arrival", {"team": asked.team}
    assert client.post(address, json=body, headers=headers).json()["answer"] == "go"
    bench.deliver(b.hold("dispute"))
    assert client.post(address, json=body, headers=headers).json()["answer"] == "stop"


def test_what_is_not_known_freshly_is_a_stop_and_the_team_may_ask_again(bench, client, asked):
    bench.knowledge.behind = timedelta(seconds=3)
    assert ask(client, asked)["code"] == "not_fresh"
    bench.knowledge.behind = timedelta(0)
    assert ask(client, asked)["answer"] == "go"


def test_one_visitor_or_a_stranger_is_not_the_planned_team(client, asked):
    assert ask(client, asked, asked.team[0])["code"] == "team"
    assert ask(client, asked, asked.team[0], asked.team[0])["code"] == "team"
    assert ask(client, asked, *asked.team, "S-99")["code"] == "team"


def test_a_suspended_agency_is_stopped_at_the_door(bench, client, asked):
    bench.deliver(AgencySuspended(agency_id=b.AGENCY, reason="complaints", suspended_at=bench.clock.now()))
    assert ask(client, asked)["code"] == "suspended"


def test_before_and_after_the_window_the_answer_is_stop(bench, client, asked):
    bench.clock.instant = asked.window_start - timedelta(minutes=1)
    assert ask(client, asked)["code"] == "early"
    bench.clock.instant = asked.window_end + timedelta(minutes=1)
    assert ask(client, asked)["code"] == "late"
    assert ask(client, asked)["code"] == "over"


def test_a_result_is_taken_once_however_often_it_is_sent(bench, client, asked):
    ask(client, asked)
    for _ in range(2):
        response = client.post(f"/visits/{asked.visit_id}/result", json=result(asked))
        assert response.status_code == 200
    assert len(bench.said_of(VisitNoContact)) == 1
    row = client.get(f"/visits/{asked.visit_id}").json()
    assert (row["state"], row["disposition"], row["on_time"]) == ("no_contact", "not_home", True)


def test_a_promise_without_day_and_amount_is_told_field_by_field_and_can_be_put_right(bench, client, asked):
    ask(client, asked)
    response = client.post(f"/visits/{asked.visit_id}/result", json=result(asked, "promise"))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"result.promised_on", "result.promised_amount", "result.currency"}
    terms = {"promised_on": "2026-03-10", "promised_amount": "500.00", "currency": "CNY"}
    body = result(asked, "promise", result={"disposition": "promise", **terms}, statement="I can pay on Tuesday")
    assert client.post(f"/visits/{asked.visit_id}/result", json=body).status_code == 200
    said = bench.said_of(VisitCompleted)[0]
    assert "Tuesday" not in said.model_dump_json()


def test_a_result_for_a_visit_that_was_never_told_go_is_refused_kept_and_shown(client, asked):
    response = client.post(f"/visits/{asked.visit_id}/result", json=result(asked))
    assert response.status_code == 409
    assert "never told go" in response.json()["detail"]
    late = client.get("/visits/late-results").json()["late_results"]
    assert [(row["visit_id"], row["disposition"]) for row in late] == [(asked.visit_id, "not_home")]


def test_evidence_taken_far_from_the_address_is_flagged(bench, client, asked):
    ask(client, asked)
    taken = {"kind": "video", "digest": "a" * 64, "taken_at": bench.clock.now().isoformat()}
    body = result(asked, "refused", evidence=[taken | {"latitude": 22.60, "longitude": 114.05}])
    client.post(f"/visits/{asked.visit_id}/result", json=body)
    flags = {flag["rule_id"] for flag in client.get(f"/visits/{asked.visit_id}").json()["flags"]}
    assert "HOUSE-VIS-PLACE" in flags


def test_breaking_off_is_always_possible_and_only_while_the_visit_lasts(client, asked):
    ask(client, asked)
    assert client.post(f"/visits/{asked.visit_id}/abort", json={"reason": "a child alone"}).status_code == 200
    assert client.get(f"/visits/{asked.visit_id}").json()["state"] == "aborted"
    again = client.post(f"/visits/{asked.visit_id}/abort", headers={"Idempotency-Key": "other"})
    assert again.status_code == 409


def test_a_callers_key_never_meets_one_of_our_own(bench, client, asked):
    ask(client, asked)
    ours = f"result/{asked.visit_id}/x"
    taken = client.post(f"/visits/{asked.visit_id}/result", json=result(asked), headers={"Idempotency-Key": ours})
    assert taken.status_code == 200
    assert not bench.runtime.command(b.BORROWER, lambda state, _: (state, ()), key=ours, request=b"")


@pytest.mark.parametrize("what", ["abort", "cancel"])
def test_a_key_that_was_used_for_one_visit_does_nothing_to_another(bench, client, asked, what):
    key = {"Idempotency-Key": "k-1"}
    assert client.post(f"/visits/{asked.visit_id}/{what}", headers=key).status_code == 200
    bench.advance(timedelta(days=1))
    second = bench.said_of(VisitPermitRequested)[1].visit_id
    other = client.post(f"/visits/{second}/{what}", headers=key)
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")


def test_an_officer_calls_a_visit_off_and_another_day_is_asked_for(bench, client, asked):
    assert client.post(f"/visits/{asked.visit_id}/cancel").status_code == 200
    assert ask(client, asked)["code"] == "over"
    bench.advance(timedelta(days=1))
    assert len(bench.said_of(VisitPermitRequested)) == 2


def test_an_unknown_visit_is_a_plain_404(client):
    response = client.post("/visits/V-nobody-1/arrival", json={"team": ["S-1", "S-2"]})
    assert (response.status_code, response.json()["status"]) == (404, 404)
    assert client.post("/visits/V-nobody-1/arrival", json={}).status_code == 422


def test_the_list_is_filtered_by_agency_state_and_day(client, asked):
    def count(**wanted: str) -> int:
        return len(client.get("/visits", params=wanted).json()["visits"])

    assert count() == count(agency_id=b.AGENCY) == count(day=asked.window_start.date().isoformat()) == 1
    assert count(state="dispatched") == 1
    assert count(state="completed") == count(agency_id="A-north") == count(day="2020-01-01") == 0
    assert "placed" not in client.get("/visits", params={"after": asked.visit_id}).text


def test_the_permit_and_its_reasons_stand_beside_the_visit(client, asked):
    visit = client.get(f"/visits/{asked.visit_id}").json()
    assert [permit["allowed"] for permit in visit["permits"]] == [True]
    assert next(event["type"] for event in visit["history"]) == "visit.permit_requested.v1"


def test_a_borrower_can_check_the_code_and_learns_nothing_personal(client, asked):
    code = code_of(KEY, asked.visit_id)
    answer = client.get(f"/credentials/{code.lower().replace('-', ' ')}").json()
    assert answer["valid"]
    assert set(answer) == {"valid", "agency", "badges", "day", "from", "until"}
    assert client.get("/credentials/AAAAA-AAAAA").json() == {"valid": False}
    page = client.get(f"/credentials/{code}", headers=PAGE).text
    assert "South Field Services" in page
    assert not any(word in page for word in ("Li Lei", "Long Lane", b.BORROWER))


def test_who_mistypes_a_code_sees_what_they_typed_and_whom_to_call(bench):
    house = House({"zh-CN": "示例银行", "en": "Example Bank"}, "400-111-2222")
    client = Client(create_api(bench.runtime, house))
    page = client.get("/credentials?code=XYZ-123", headers=PAGE, follow_redirects=True).text
    assert 'value="XYZ-123"' in page
    assert page.count('href="tel:4001112222">400-111-2222') == 1
    assert "Example Bank" in page or "示例银行" in page


def test_the_code_of_a_visit_that_was_called_off_is_no_longer_good(bench, client, asked):
    bench.deliver(b.paid())
    assert client.get(f"/credentials/{code_of(KEY, asked.visit_id)}").json() == {"valid": False}


def test_the_phone_leads_from_the_list_to_go_to_the_result(client, asked):
    me, partner = asked.team
    today = client.get(f"/team/{me}", headers=PAGE)
    assert "1 Long Lane" in today.text
    address = f"/team/{me}/{asked.visit_id}"
    door = client.get(address, headers=PAGE).text
    assert "may we ring" in door
    assert client.post(f"{address}/arrival", data={"partner": partner}).status_code == 303
    go = client.get(address, headers=PAGE).text
    assert "GO" in go
    assert not any(word in go.lower() for word in ("debt", "overdue", "arrears", "1000"))
    form = client.get(f"{address}/report?identity=1", headers=PAGE).text
    assert 'name="identity" value="1" checked' in form
    wrong = client.post(f"{address}/report", data={"disposition": "promise", "identity": "1"}, headers=PAGE)
    assert wrong.status_code == 422
    assert "A promise needs a day" in wrong.text
    sent = {"disposition": "promise", "promised_on": "2026-03-10", "promised_amount": "500.00"}
    assert client.post(f"{address}/report", data=sent).status_code == 303
    assert "DONE" in client.get(address, headers=PAGE).text


def test_the_phone_says_stop_with_the_reason_after_a_payment(bench, client, asked):
    address = f"/team/{asked.team[0]}/{asked.visit_id}"
    bench.deliver(b.cured())
    assert client.post(f"{address}/arrival", data={"partner": asked.team[1]}).status_code == 303
    page = client.get(address, headers=PAGE).text
    assert "STOP" in page
    assert "the matter is settled" in page


def test_somebody_elses_visit_is_not_shown_on_the_phone(client, asked):
    assert client.get(f"/team/S-99/{asked.visit_id}").status_code == 404
    assert "it is not yours" in client.get(f"/team/S-99/{asked.visit_id}", headers=PAGE).text


@pytest.mark.parametrize(("language", "words"), [("en", "This number is not known"), ("zh-CN", "没有这个工号")])
def test_nobodys_page_is_a_kind_404(client, asked, language, words):
    page = client.get("/team/NOBODY", headers={"accept": "text/html", "accept-language": language})
    assert (page.status_code, words in page.text, "NOBODY" in page.text) == (404, True, True)
    assert client.get(f"/team/{asked.team[0]}", headers=PAGE).status_code == 200


def test_a_visitor_without_a_visit_today_is_told_so(bench, client, asked):
    bench.advance(timedelta(days=3))
    page = client.get(f"/team/{asked.team[0]}", headers=PAGE)
    assert (page.status_code, "No visits left today" in page.text) == (200, True)


def test_the_phone_names_the_host_at_which_the_code_is_checked(client, asked):
    page = client.get(f"/team/{asked.team[0]}/{asked.visit_id}", headers=PAGE | {"host": "visits.example:8003"}).text
    assert "visits.example:8003/credentials" in page


@pytest.mark.parametrize(("latitude", "longitude"), [("inf", "114.0"), ("22.5", "nan"), ("1e999", "x"), ("91", "500")])
def test_an_address_that_is_no_place_on_earth_is_visited_without_a_way_shown(bench, client, latitude, longitude):
    list_agency(bench)
    bench.deliver(b.recorded(b.home(latitude=latitude, longitude=longitude)), b.overdue())
    bench.deliver(b.activated())
    visit = bench.said_of(VisitPermitRequested)[0]
    bench.deliver(b.allowed(visit))
    bench.advance(visit.window_start + timedelta(minutes=30) - bench.clock.now())
    today = client.get(f"/team/{visit.team[0]}", headers=PAGE)
    assert (today.status_code, "1 Long Lane" in today.text) == (200, True)
    ask(client, visit)
    taken = {"kind": "video", "digest": "a" * 64, "taken_at": bench.clock.now().isoformat(), "latitude": 22.6}
    body = result(visit, "refused", evidence=[taken | {"longitude": 114.05}])
    assert client.post(f"/visits/{visit.visit_id}/result", json=body).status_code == 200


def test_a_visit_called_off_for_a_payment_is_told_in_the_readers_language(bench, client, asked):
    bench.deliver(b.paid())
    late = client.post(f"/visits/{asked.visit_id}/result", json=result(asked))
    assert late.status_code == 409
    chinese = {"accept": "text/html", "accept-language": "zh-CN"}
    page = client.get("/visits", headers=chinese).text
    assert "此次外访已结束：已取消，情况有变化。" in page
    assert "情况有变化" in client.get(f"/visits/{asked.visit_id}", headers=chinese).text


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_speaks_both_languages(client, asked, language):
    me = asked.team[0]
    ask(client, asked)
    pages = ("/visits", f"/visits/{asked.visit_id}", f"/team/{me}", f"/team/{me}/{asked.visit_id}", "/credentials")
    for page in (*pages, f"/team/{me}/{asked.visit_id}/report", "/team/S-99", "/credentials/NO"):
        response = client.get(page, headers={"accept": "text/html", "accept-language": language})
        assert response.status_code in (200, 404)
        assert response.headers["content-language"] == language
