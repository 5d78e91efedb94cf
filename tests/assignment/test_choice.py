"""Who may take a case, who may not and why, and who wins."""

from collections import Counter
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import PARTITIONS
from services.assignment.domain.choice import Panel, Subject, capacity_in, choose
from services.rulebook.packs import load_rulebook
from services.rulebook.strategy import load_strategy
from tests.assignment.story import agency, house, panel

TODAY = date(2026, 3, 2)
POLICY = load_strategy().placement


def subject(case_id="C-b1-1", **more):
    given = {"region": "CN-GD", "products": ("consumer_loan",), "rulebook": load_rulebook("CN")}
    return Subject(case_id, **(given | more))


def excluded(candidate, **more):
    choice = choose(panel(candidate, house()), subject(**more), TODAY, POLICY)
    return next(c.excluded_by for c in choice.candidates if c.agency_id == candidate.agency_id)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"licensed_until": date(2026, 3, 1)}, "licence"),
        ({"licensed_until": None}, "licence"),
        ({"mandate_id": ""}, "mandate"),
        ({"mandate_from": date(2026, 3, 3)}, "mandate"),
        ({"mandate_until": date(2026, 3, 1)}, "mandate"),
        ({"authority": ("call",)}, "authority"),
        ({"suspended": "conduct"}, "suspended"),
        ({"drained": True}, "drained"),
        ({"inspected_on": date(2025, 2, 1)}, "inspection_overdue"),
        ({"evaluated_on": date(2025, 2, 1)}, "evaluation_overdue"),
        ({"certified_until": (date(2027, 1, 1), date(2026, 1, 1))}, "staff"),
        ({"regions": ("CN-SC",)}, "region"),
        ({"products": ("credit_card",)}, "product"),
        ({"capacity": 12, "used": 1}, "capacity"),
    ],
)
def test_each_obstacle_excludes_and_is_named(change, reason):
    assert excluded(agency(**change)) == (reason,)


def test_who_had_the_case_is_not_asked_again():
    assert excluded(agency("A-red"), tried=("A-red",)) == ("already_tried",)


def test_several_obstacles_are_all_named():
    assert set(excluded(agency(suspended="x", regions=()))) == {"suspended", "region"}


def test_the_house_takes_what_nobody_else_may():
    choice = choose(panel(agency(suspended="x"), house()), subject(), TODAY, POLICY)
    assert choice.agency.agency_id == "in-house"


def test_the_house_is_there_even_where_the_registry_forgot_it():
    choice = choose(Panel({"A-red": agency(regions=())}), subject(), TODAY, POLICY)
    assert choice.agency.agency_id == "in-house"


def test_the_house_comes_last_without_a_share_of_its_own():
    choice = choose(panel(agency(conduct=0, recovery=0, target_share=0, used=1), house()), subject(), TODAY, POLICY)
    assert choice.agency.agency_id == "A-red"


def test_nobody_is_left_when_the_house_had_it():
    choice = choose(panel(agency(), house()), subject(tried=("A-red", "in-house")), TODAY, POLICY)
    assert choice.agency is None


def test_better_conduct_wins_where_all_else_is_equal():
    choice = choose(panel(agency("A-red", conduct=70), agency("A-blue", conduct=90), house()), subject(), TODAY, POLICY)
    assert choice.agency.agency_id == "A-blue"
    assert choice.candidates[0].parts == {"share_gap": 50 * 80, "recovery": 20 * 50, "conduct": 30 * 90}
    assert choice.candidates[0].score == sum(choice.candidates[0].parts.values())


def test_the_order_of_the_candidates_does_not_matter():
    agencies = [agency("A-red"), agency("A-blue"), agency("A-green")]
    winners = {
        choose(panel(*order, house()), subject(), TODAY, POLICY).agency.agency_id for order in permutations(agencies)
    }
    assert len(winners) == 1


def test_realised_shares_come_near_their_targets():
    shares = {"A-red": 50, "A-blue": 30, "A-green": 20}
    known = panel(*(agency(a, target_share=share, capacity=12_000) for a, share in shares.items()), house())
    taken = Counter()
    for number in range(400):
        winner = choose(known, subject(f"C-{number}"), TODAY, POLICY).agency.agency_id
        known = known.carrying(winner, 1)
        taken[winner] += 1
    assert all(abs(taken[a] / 4 - share) <= 3 for a, share in shares.items())


@given(st.integers(0, 5000), st.text(min_size=1, max_size=8))
def test_the_parts_of_a_capacity_add_up_to_the_whole(capacity, name):
    parts = [capacity_in(agency(name, capacity=capacity), partition) for partition in range(PARTITIONS)]
    assert sum(parts) == capacity
    assert max(parts) - min(parts) <= 1


def test_a_batch_fills_a_capacity_and_no_more():
    known = panel(agency("A-red", capacity=24), house())
    taken = Counter()
    for number in range(5):
        winner = choose(known, subject(f"C-{number}"), TODAY, POLICY).agency.agency_id
        known = known.carrying(winner, 1)
        taken[winner] += 1
    assert taken == {"A-red": 2, "in-house": 3}


def test_the_rule_book_of_the_region_says_what_an_agency_must_show():
    never_evaluated = agency(evaluated_on=None)
    assert excluded(never_evaluated) == ("evaluation_overdue",)
    assert excluded(never_evaluated, rulebook=load_rulebook("CN", "1")) == ()


def test_without_a_rule_book_in_force_nobody_is_entrusted_but_the_house():
    choice = choose(panel(agency(), house()), subject(rulebook=None), TODAY, POLICY)
    assert [c.excluded_by for c in choice.candidates if c.agency_id == "A-red"] == [("no_rulebook",)]
    assert choice.agency.in_house


def test_the_choice_names_the_version_it_rests_on():
    choice = choose(panel(agency(), house()), subject(), TODAY, POLICY)
    assert load_rulebook("CN").label in choice.reason
