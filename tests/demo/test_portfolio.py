"""The portfolio: real loans, people who cannot exist, the same every time."""

import re
from collections import Counter
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from deploy.local.portfolio import World, portfolio, world_from


@pytest.fixture(scope="module")
def everybody():
    return portfolio(World())


def loans(borrowers):
    return [loan for one in borrowers for loan in one.loans]


def test_all_ten_thousand_loans_are_played_with_their_real_amounts(everybody):
    first = next(loan for loan in loans(everybody) if loan.loan_id == "L00001")
    assert len(loans(everybody)) == 10_000
    assert (first.amount, first.outstanding, first.instalment, first.rate) == tuple(
        map(Decimal, ("28000.00", "27015.86", "652.53", "14.07"))
    )
    assert Counter(loan.standing for loan in loans(everybody))["Late (31-120 days)"] == 66


def test_about_one_borrower_in_twelve_holds_several_loans(everybody):
    several = sum(len(one.loans) > 1 for one in everybody)
    assert 0.06 < several / len(everybody) < 0.1
    assert {len(one.loans) for one in everybody} == {1, 2, 3}


def test_every_chinese_borrower_lives_in_a_province_on_chinese_time(everybody):
    assert len({one.place.region for one in everybody}) == 31
    assert {one.place.time_zone for one in everybody} == {"Asia/Shanghai"}


def test_with_american_law_borrowers_stay_in_their_states_and_time_zones():
    americans = portfolio(World(loans=3000, jurisdiction="US"))
    assert {one.place.region for one in americans} > {"US-CA", "US-HI", "US-NY"}
    assert all(ZoneInfo(one.place.time_zone) for one in americans)
    assert {one.language for one in americans} == {"en"}


def test_nobody_can_be_called_or_found_by_what_is_made_up(everybody):
    assert all(re.fullmatch(r"\+86100\d{8}", one.person.phone) for one in everybody)
    assert all(one.person.email.endswith("@example.com") for one in everybody)
    assert len({one.person.phone for one in everybody}) == len(everybody)
    americans = portfolio(World(jurisdiction="US"))
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", one.person.phone) for one in americans)
    assert len({one.person.phone for one in americans}) == len(americans)


def test_the_same_seed_gives_the_same_portfolio_and_another_seed_another():
    assert portfolio(World(loans=300)) == portfolio(World(loans=300))
    assert portfolio(World(loans=300)) != portfolio(World(loans=300, seed=2))


def test_a_world_survives_the_environment():
    world = World(loans=500, days=30, seed=7, jurisdiction="US", endless=True)
    assert world_from(world.setting()) == world


@pytest.mark.parametrize("number", [0, 10_001])
def test_there_are_no_more_loans_than_there_are(number):
    with pytest.raises(ValueError, match="10,000"):
        portfolio(World(loans=number))
