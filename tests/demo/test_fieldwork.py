"""What agencies answer and report: always what the contract allows, mostly as it should be, and sometimes not."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from deploy.local.behaviour import stranger
from deploy.local.fieldwork import Errand, account, answer, attestation, delay, giving_back, manner
from deploy.local.stories import STORIES
from schemas.agencies import PlacementAccepted, PlacementDeclined, PlacementReturned, VisitReported
from schemas.cases import PlacementActivated, PlacementOffered, PlacementRecalled
from schemas.values import Disposition

NOW = datetime(2026, 3, 20, 2, 0, tzinfo=UTC)


def offer(number):
    return PlacementOffered.model_construct(
        placement_id=f"P-B{number}-1", borrower_id=f"B{number}", agency_id="A-one", offered_at=NOW, attempt=1,
        answer_by=NOW + timedelta(days=2),
    )  # fmt: skip


def errand(**changes):
    window = (NOW, NOW + timedelta(hours=3))
    made = Errand(
        visit_id="V-B1-1", placement_id="P-B1-1", borrower_id="B1", agency_id="A-one", team=("S1", "S2"), window=window,
        attempt=1, owed=Decimal("500.00"),
    )  # fmt: skip
    return replace(made, **changes)


def somebody(name):
    return replace(stranger(1, "B1"), story=STORIES[name], name=name)


def test_most_offers_are_accepted_in_time_and_some_are_declined_answered_late_or_not_at_all():
    answers = [(one, answer(1, one)) for one in map(offer, range(500))]
    words = Counter(
        "silent" if said is None else "late" if said.at > one.answer_by else type(said.fact).__name__
        for one, said in answers
    )
    assert set(words) == {"silent", "late", PlacementAccepted.__name__, PlacementDeclined.__name__}
    assert 0.8 < words[PlacementAccepted.__name__] / 500 < 0.92


def test_an_offer_is_answered_the_same_way_whenever_it_is_read():
    assert answer(1, offer(3)) == answer(1, offer(3))


def test_deletion_is_mostly_attested_in_time_and_sometimes_late_or_never():
    recalls = [
        PlacementRecalled.model_construct(
            placement_id=f"P-B{n}-1", borrower_id=f"B{n}", agency_id="A", recalled_at=NOW, attest_by=NOW + timedelta(3)
        )
        for n in range(400)
    ]
    attested = [(one, attestation(1, one)) for one in recalls]
    words = Counter("never" if said is None else said.at > one.attest_by for one, said in attested)
    assert words[False] > 300
    assert words[True] > 5
    assert words["never"] > 2


def test_an_agency_without_prospects_gives_the_case_back():
    placement = PlacementActivated.model_construct(
        placement_id="P-B1-1", borrower_id="B1", agency_id="A-one", activated_at=NOW
    )
    said = giving_back(somebody("the agency gives it back"), placement)
    assert isinstance(said.fact, PlacementReturned)
    assert giving_back(somebody("refuses"), placement) is None


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_every_account_keeps_the_contract_and_tells_what_the_story_has_at_the_door(name, attempt):
    one = somebody(name)
    said = account(one, errand(attempt=attempt), NOW, NOW.date())
    assert VisitReported.model_validate_json(said.model_dump_json()) == said
    assert said.result.disposition == one.door(attempt) in get_args(Disposition)
    assert said.arrived_at < said.ended_at <= NOW + timedelta(minutes=30)


def test_a_promise_at_the_door_names_day_amount_and_currency():
    result = account(somebody("promises at the door and pays"), errand(), NOW, NOW.date()).result
    assert (result.promised_amount, result.currency) == (Decimal("500.00"), "CNY")
    assert result.promised_on > NOW.date()


def test_a_slow_team_reports_more_than_a_day_later():
    slow = somebody("the team reports late")
    assert manner(slow, errand()) == "slow"
    assert delay(slow, errand()) > timedelta(hours=24)


def test_a_team_knocks_within_its_window():
    for name in STORIES:
        start, end = errand().window
        assert start < errand().knocks_at(somebody(name)) < end - timedelta(minutes=30)
