"""The same stories in real transactions: rows that add up, a panel loaded once, agencies that fall, HTTP."""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import inspect, select

from schemas.agencies import AgencyLicensed, AgencyRegistered, AgencySuspended, MandateEnded, MandateSigned
from schemas.cases import CaseClosed, FeeAccrued, FeeReversed, PlacementActivated, PlacementOffered, PlacementRecalled
from schemas.control import AgencyDrained, StrategyPaused, StrategyResumed
from services.assignment.api import api
from services.assignment.app import service
from services.assignment.domain.choice import IN_HOUSE
from services.assignment.loops import look_at_agencies, register_panel, take_back_from_fallen
from services.assignment.panel import DEFAULT
from services.assignment.store import queries, tables
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy
from tests.assignment.story import START, Story, money
from tests.stage import Stage

pytestmark = pytest.mark.stack
COMPLAINT = load_strategy().complaint


def tell(bench, borrower_id="b1"):
    story = Story(borrower_id=borrower_id)
    story.bus, story.clock = Stage(bench), bench.clock
    story.told = 1000 * sum(borrower_id.encode())
    return story


@pytest.fixture
def engine(migrated):
    return migrated("assignment")


@pytest.fixture
def bench(engine):
    made = Bench(service(), engine, ManualClock(START))
    register_panel(made.runtime, DEFAULT, "CN")
    return made


class Http:
    """Asks the API as a program would, one request at a time."""

    def __init__(self, bench):
        self._app = api(bench.runtime)

    def get(self, address, **more):
        return asyncio.run(self._ask("GET", address, **more))

    def post(self, address, **more):
        return asyncio.run(self._ask("POST", address, **more))

    async def _ask(self, method, address, **more):
        async with AsyncClient(transport=ASGITransport(self._app), base_url="http://assignment") as client:
            return await client.request(method, address, **more)


def rows(bench, table):
    with bench.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_the_migrated_schema_is_what_the_tables_say(bench):
    there = inspect(bench.engine)
    for table in tables.metadata.tables.values():
        columns = {c["name"]: c["nullable"] for c in there.get_columns(table.name)}
        assert columns == {c.name: bool(c.nullable) for c in table.columns}, table.name
        assert there.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
        assert {i["name"] for i in there.get_indexes(table.name)} == {i.name for i in table.indexes}


def test_the_panel_is_loaded_once_and_said_as_facts(bench):
    register_panel(bench.runtime, DEFAULT, "CN")
    assert len(bench.said_of(AgencyRegistered)) == 7
    assert len(bench.said_of(MandateSigned)) == 7
    assert all(len(licence.staff) >= 4 for licence in bench.said_of(AgencyLicensed))
    assert {row["agency_id"] for row in rows(bench, tables.agencies)} >= {IN_HOUSE, "A-guoxin", "A-yuehai"}
    sources = {event.source.rsplit("/", 1)[0] for event in bench.said()}
    assert sources == {"/arrears/assignment-agencies"}


def test_a_registry_that_names_others_is_left_alone(bench):
    assert Http(bench).post("/agencies", json=REGISTRATION).status_code == 200
    register_panel(bench.runtime, DEFAULT, "US")
    assert "A-atlantic" not in {row["agency_id"] for row in rows(bench, tables.agencies)}


def test_every_province_has_two_agencies_to_choose_from(bench):
    names = ["GD", "SD", "HA", "JS", "SC", "HE", "HN", "AH", "HB", "ZJ", "GX", "YN", "JX", "LN", "FJ", "SN", "HL", "SX"]
    names += ["GZ", "CQ", "JL", "GS", "NM", "XJ", "SH", "BJ", "TJ", "HI", "NX", "QH", "XZ"]
    with bench.engine.connect() as connection:
        known = queries.reference(connection, [0], START, load_strategy(), load_rulebooks())[0].panel
    for name in names:
        covering = [a for a in known.agencies.values() if not a.in_house and {"*", f"CN-{name}"} & set(a.regions)]
        assert len(covering) >= 2, name


def test_a_story_leaves_rows_that_add_up(bench):
    story = tell(bench).placed(1000)
    payment = story.pays("333.33")
    story.pays(100)
    story.takes_back(payment, "333.33").promises(500, in_days=1).days(7)
    story.pays("900.00")
    case = rows(bench, tables.cases)[0]
    assert (case["outcome"], case["paid"], case["stage"]) == ("cured", money(1000), "placed")
    assert sum(row["amount"] for row in rows(bench, tables.payments)) == money(1000)
    lines = rows(bench, tables.ledger)
    assert sum(x["debit"] for x in lines) == sum(x["credit"] for x in lines)
    fees = sum(f.amount for f in bench.said_of(FeeAccrued)) - sum(f.amount for f in bench.said_of(FeeReversed))
    assert sum(x["debit"] - x["credit"] for x in lines if x["account"] == "expense:agency_fees") == fees > 0
    assert [row["state"] for row in rows(bench, tables.promises)] == ["broken"]
    assert [row["state"] for row in rows(bench, tables.placements)] == ["recalling"]


def test_a_batch_learns_of_its_own_offers(bench):
    """Many cases in one batch share a small capacity: none of it is given twice."""
    stories = [tell(bench, f"b{n}") for n in range(100)]
    for story in stories:
        story.recorded(region="CN-LN")
    facts = []
    for story in stories:
        story.bus.publish = lambda *more: facts.extend(more)
        story.noticed()
    bench.deliver(*facts)
    carried = Counter((row["partition"], row["agency_id"]) for row in rows(bench, tables.placements))
    assert max(n for (_, agency_id), n in carried.items() if agency_id == "A-beifang") <= 60 // 12
    with bench.engine.connect() as connection:
        found = queries.reference(connection, range(12), START, load_strategy(), load_rulebooks())
        for partition in range(12):
            known = found[partition].panel
            assert {a.agency_id: a.used for a in known.agencies.values() if a.used} == {
                agency_id: n for (p, agency_id), n in carried.items() if p == partition
            }


def test_a_suspended_agency_gives_everything_back(bench):
    story = tell(bench).placed()
    agency_id = story.placement.agency_id
    answer = Http(bench).post(f"/agencies/{agency_id}/suspension", json={"officer": "li.wei", "reason": "data leak"})
    assert answer.json()["said"][0]["type"] == "agency.suspended.v1"
    take_back_from_fallen(bench.runtime)
    bench.tick_due()
    assert bench.said_of(PlacementRecalled)[-1].cause == "agency_suspended"
    assert bench.said_of(PlacementOffered)[-1].agency_id != agency_id


def test_a_licence_that_runs_out_suspends_the_agency(bench):
    bench.advance(timedelta(days=50), timedelta(days=10))
    look_at_agencies(bench.runtime, COMPLAINT)
    look_at_agencies(bench.runtime, COMPLAINT)
    assert [fact.agency_id for fact in bench.said_of(AgencySuspended)] == ["A-beifang"]


def test_a_mandate_that_runs_out_ends(bench):
    bench.clock.instant += timedelta(days=800)
    look_at_agencies(bench.runtime, COMPLAINT)
    look_at_agencies(bench.runtime, COMPLAINT)
    ended = [fact.agency_id for fact in bench.said_of(MandateEnded)]
    assert len(ended) == len(set(ended)) == 6


def test_three_incidents_suspend_the_agency(bench):
    bad = None
    for number in range(40):
        story = tell(bench, f"b{number}").placed()
        bad = bad or story.placement.agency_id
        if story.placement.agency_id == bad:
            story.visited("incident", visit_id=f"V-b{number}-1")
        if len([row for row in rows(bench, tables.matters) if row["agency_id"] == bad]) == 3:
            break
    look_at_agencies(bench.runtime, COMPLAINT)
    assert bench.said_of(AgencySuspended) == []
    bench.advance(timedelta(days=2), timedelta(hours=12))
    look_at_agencies(bench.runtime, COMPLAINT)
    assert [fact.agency_id for fact in bench.said_of(AgencySuspended)] == [bad]
    bench.tick_due()
    still = [row for row in rows(bench, tables.placements) if row["agency_id"] == bad and row["state"] == "active"]
    assert still == []


def test_ops_drain_an_agency_and_pause_the_strategy(bench):
    drained = [row["agency_id"] for row in rows(bench, tables.agencies) if not row["in_house"]]
    bench.deliver(*(AgencyDrained(target=a, reason="audit", by="ops") for a in drained))
    story = tell(bench).noticed()
    assert story.placement.agency_id == IN_HOUSE
    bench.deliver(StrategyPaused(target="default", reason="review", by="ops"))
    other = tell(bench, "b2").noticed()
    assert other.state.placement is None
    bench.deliver(StrategyResumed(target="default", reason="done", by="ops"))
    bench.advance(timedelta(hours=2))
    assert other.state.placement.state == "active"


# over HTTP

REGISTRATION = {
    "agency_id": "A-new",
    "name": "New",
    "regions": ["CN-GD"],
    "products": ["*"],
    "capacity": 12,
    "target_share": 5,
    "contact": "x",
}
BY = {"officer": "li.wei", "reason": "by hand"}


@pytest.fixture
def http(bench):
    return Http(bench)


def test_a_case_is_one_page_of_facts(bench, http):
    story = tell(bench).placed()
    shown = http.get(f"/cases/{story.case_id}").json()
    assert shown["stage"] == "placed"
    assert shown["principal"] == "500.00"
    assert shown["standing"]["arrears"] == "500.00"
    assert shown["placements"][0]["candidates"]
    assert http.get("/cases/C-none").status_code == 404


def test_lists_come_in_pages(bench, http):
    for number in range(5):
        tell(bench, f"b{number}").opened()
    first = http.get("/cases", params={"limit": 3}).json()
    second = http.get("/cases", params={"limit": 3, "after": first["next"]}).json()
    assert [len(first["items"]), len(second["items"]), second["next"]] == [3, 2, None]
    assert len({case["case_id"] for case in first["items"] + second["items"]}) == 5


def test_placements_are_found_by_agency_and_state(bench, http):
    story = tell(bench).placed()
    found = http.get("/placements", params={"agency_id": story.placement.agency_id, "state": "active"}).json()
    assert [row["placement_id"] for row in found["items"]] == ["P-b1-1"]


def test_a_hold_over_http_recalls_and_the_same_key_does_it_once(bench, http):
    story = tell(bench).placed()
    key = {"Idempotency-Key": "k1"}
    first = http.post(f"/cases/{story.case_id}/holds", json=BY, headers=key)
    again = http.post(f"/cases/{story.case_id}/holds", json=BY, headers=key)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert [event["type"] for event in first.json()["said"]][:2] == ["hold.placed.v1", "placement.recalled.v1"]
    hold_id = first.json()["said"][0]["data"]["hold_id"]
    other = http.post(f"/cases/{story.case_id}/holds", json=BY | {"reason": "another"}, headers=key)
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    released = http.post(f"/cases/{story.case_id}/holds/{hold_id}/release", json=BY)
    assert "placement.offered.v1" in {event["type"] for event in released.json()["said"]}


def test_an_officer_decides_resolves_and_recalls(bench, http):
    tell(bench, "b1").placed()
    assert http.post("/cases/C-b1-1/recall", json=BY).status_code == 200
    assert http.post("/cases/C-b1-1/legal-decision", json=BY | {"decision": "referred"}).status_code == 200
    tell(bench, "b2").placed().disputes("D-b2-1")
    assert http.post("/cases/C-b2-1/disputes/D-b2-1/resolution", json=BY | {"upheld": True}).status_code == 200
    assert {fact.outcome for fact in bench.said_of(CaseClosed)} == {"legal_referred", "dispute_upheld"}
    assert {row["state"] for row in rows(bench, tables.matters)} == {"upheld"}


def test_what_cannot_be_done_is_refused_with_the_reason(bench, http):
    tell(bench).opened()
    refused = http.post("/cases/C-b1-1/recall", json=BY)
    assert (refused.status_code, refused.json()["detail"]) == (409, "nobody has the case")
    assert http.post("/cases/C-b1-1/recall", json={"officer": "li.wei"}).status_code == 422
    assert http.post("/agencies/A-nobody/suspension", json=BY).status_code == 409
    assert http.post(f"/agencies/{IN_HOUSE}/suspension", json=BY).status_code == 409


def test_an_agency_is_listed_licensed_mandated_and_chosen(bench, http):
    assert http.post("/agencies", json=REGISTRATION | {"target_share": 100}).status_code == 200
    licence = {
        "licence_number": "L",
        "licensed_until": "2029-01-01",
        "inspected_on": "2026-02-01",
        "staff": [
            {"staff_id": f"S-{n}", "badge": f"B-{n}", "certified_until": "2029-01-01", "regions": ["*"]} for n in (1, 2)
        ],
    }
    mandate = {
        "mandate_id": "M-new-1",
        "authority": ["visit"],
        "from_date": "2026-01-01",
        "until_date": "2027-01-01",
        "fee_basis_points": 1500,
        "data_categories": ["contact"],
    }
    assert http.post("/agencies/A-new/licence", json=licence).status_code == 200
    assert http.post("/agencies/A-new/mandate", json=mandate).status_code == 200
    tell(bench).noticed()
    assert bench.said_of(PlacementOffered)[-1].agency_id == "A-new"
    assert http.get("/agencies/A-new").json()["offered"] == 1


def test_the_reference_takes_three_queries_for_all_partitions(bench):
    tell(bench).placed()
    assert len(bench.said_of(PlacementActivated)) == 1
    with bench.engine.connect() as connection:
        counted = Counting(connection)
        queries.reference(counted, range(12), START, load_strategy(), load_rulebooks())
    assert counted.queries <= 3


class Counting:
    """A connection that counts what is asked of it."""

    def __init__(self, connection):
        self._connection, self.queries = connection, 0

    def execute(self, query):
        self.queries += 1
        return self._connection.execute(query)


def test_nothing_of_a_fee_is_a_float(bench):
    tell(bench).placed(1000).pays("0.05")
    assert all(isinstance(row["debit"], Decimal) for row in rows(bench, tables.ledger))
