"""A number is one number, however many ids it is recorded under; an agency is one, whatever its id looks like."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine

from schemas.agencies import AgencyRegistered
from services.kit.bench import Bench
from services.notifier.api.points import same_points
from tests.notifier.edge import MORNING, recorded
from tests.notifier.reading import reader, reminded
from tests.notifier.test_borrower_page import link

pytestmark = pytest.mark.stack
NUMBERS = {"T-B-1": "+8613800000001", "T-2": "138 0000 0001", "T-3": "+8613900000001"}
DIALS_A_DAY = 6
"""Of one number, rule CN-FREQ-03."""

CALL = {"borrower_id": "B-1", "channel": "voice", "proposed_by": "officer-7", "recording": True}


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    bench = reminded(engine)
    phones = [{"phone_id": key, "number": number, "source": "contract"} for key, number in NUMBERS.items()]
    bench.deliver(recorded(phones=phones))
    return bench


@pytest.fixture
def client(bench: Bench[Any, Any]) -> AsyncClient:
    return reader(bench)


def registered(agency_id: str, **changes: Any) -> AgencyRegistered:
    values = {"agency_id": agency_id, "name": agency_id, "regions": ("CN-GD",), "products": ("consumer_loan",)}
    return AgencyRegistered.model_validate({**values, "capacity": 9, "target_share": 9, "contact": "400-1", **changes})


async def ask(client: AsyncClient, point: str, **changes: Any) -> set[str]:
    answer = (await client.post("/contacts", json={**CALL, "contact_point": point, **changes})).json()
    return {reason["rule_id"] for reason in answer["reasons"]}


@pytest.mark.parametrize("via", ["officer", "link"])
async def test_who_is_somebody_else_is_so_under_every_id_of_the_number(
    client: AsyncClient, bench: Bench[Any, Any], via: str
) -> None:
    if via == "officer":
        told = {"answer": "wrong_person", "contact_point": "T-B-1"}
        assert (await client.post("/borrowers/B-1/answers", json=told)).status_code == 200
    else:
        page = await client.post(link(), data={"answer": "wrong_person"})
        assert page.status_code == 303
    assert bench.runtime.state("B-1").wrong_points == ("T-2", "T-B-1")
    assert [await ask(client, point) for point in NUMBERS] == [{"GATE-WRONG-PERSON"}, {"GATE-WRONG-PERSON"}, set()]


async def test_a_number_that_was_wrong_before_it_was_recorded_again_is_not_called(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    await client.post("/borrowers/B-1/answers", json={"answer": "wrong_person", "contact_point": "T-B-1"})
    phones = [{"phone_id": "T-9", "number": "0086-138-0000-0001", "source": "contract"}]
    kept = [{"phone_id": "T-B-1", "number": NUMBERS["T-B-1"], "source": "contract"}]
    bench.deliver(recorded(phones=[*kept, *phones]))
    assert await ask(client, "T-9") == {"GATE-WRONG-PERSON"}


async def test_the_cap_of_a_number_counts_all_its_ids(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    for dial in range(DIALS_A_DAY):
        point = ("T-B-1", "T-2")[dial % 2]
        asked = (await client.post("/contacts", json={**CALL, "contact_point": point})).json()
        told = {"outcome": "unanswered", "at": MORNING.isoformat()}
        assert (await client.post(f"/contacts/{asked['contact_id']}/outcome", json=told)).status_code == 200, asked
    assert "CN-FREQ-03" in await ask(client, "T-2")
    assert "CN-FREQ-03" not in await ask(client, "T-3")


async def test_an_agency_whose_id_begins_with_another_letter_needs_the_case_too(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    assert await ask(client, "T-3", proposed_by="south") == set()
    bench.deliver(registered("south"), registered("in-house", in_house=True))
    assert await ask(client, "T-3", proposed_by="south") == {"GATE-PLACEMENT"}
    assert await ask(client, "T-3", proposed_by="South") == {"GATE-PLACEMENT"}
    assert await ask(client, "T-3", proposed_by="in-house") == set()


def test_what_is_not_known_is_the_same_as_nothing(bench: Bench[Any, Any]) -> None:
    for borrower_id, point in (("B-1", None), ("B-1", "T-7"), ("B-nobody", "T-B-1"), ("B-1", "T-3")):
        assert same_points(bench.runtime, borrower_id, point) == ()
