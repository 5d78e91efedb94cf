"""A fault plan is made from a seed, saved and played again; and the bank's story with it."""

import json
from collections import Counter
from decimal import Decimal

import pytest

from schemas.envelope import read_structured
from schemas.language import KINDS
from tests.chaos.bank import sayings
from tests.chaos.plan import FAULTS, SERVICES, Plan, make_plan
from tests.chaos.windows import BY_NAME, WINDOWS

EVENTS = 4_000


def plan(seed: int = 7, kills: int = 40, faults: tuple[str, ...] = FAULTS) -> Plan:
    return make_plan(seed, 100_000, kills, faults, days=40, day_seconds=20.0)


def test_the_same_seed_makes_the_same_plan_and_another_seed_another():
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_a_saved_plan_is_played_again(tmp_path):
    plan().save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan()


def test_forty_kills_meet_every_window_that_can_kill_and_every_service():
    kills = [step for step in plan().steps if step.fault == "kill"]
    assert len(kills) == 40
    assert {step.how for step in kills} == {window.name for window in WINDOWS if window.kills} | {"random"}
    assert {step.service for step in kills} == set(SERVICES)
    assert sum(step.how == "random" for step in kills) >= 10


def test_few_kills_meet_windows_first():
    hows = Counter(step.how for step in plan(kills=6).steps if step.fault == "kill")
    assert len(hows - Counter(["random"])) >= 4


def test_a_window_is_hit_in_a_service_that_lives_through_it():
    for step in plan().steps:
        if step.how in BY_NAME:
            assert step.service in BY_NAME[step.how].services


def test_every_fault_comes_and_none_that_was_not_asked_for():
    assert {step.fault for step in plan().steps} == set(FAULTS) - {"duplicate"}
    assert {step.fault for step in plan(faults=("kill", "disk")).steps} == {"kill", "disk"}
    assert plan(faults=("kill",)).copies_max == 1
    assert plan(faults=("broker",)).kills == 0


def test_faults_come_one_after_another_and_leave_the_end_in_peace():
    after = [step.after for step in plan().steps]
    assert after == sorted(after)
    assert after[0] > 0
    assert after[-1] < 95_000


def test_what_comes_only_while_people_are_written_to_is_not_left_for_the_end():
    early = {window.name for window in WINDOWS if window.early}
    for seed in range(1, 200):
        hows = [step.how for step in make_plan(seed, 2000, 6, FAULTS, days=8, day_seconds=3).steps]
        assert not early & set(hows[-5:]), seed


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="meteor"):
        plan(faults=("meteor",))


def story(seed: int = 3) -> list[dict]:
    return [json.loads(one.value) for day in sayings(seed, EVENTS, 20) for one in day]


def test_the_story_has_exactly_the_events_asked_for_and_is_the_same_again():
    told = story()
    assert len(told) == len({event["id"] for event in told}) == EVENTS
    assert told == story()
    assert told != story(4)


def test_everything_the_bank_says_keeps_the_contract():
    for day in sayings(3, EVENTS, 20):
        for one in day:
            event = read_structured(one.value)
            assert event.data.key == one.key
            assert KINDS[event.type].TOPIC.name == one.topic


def test_versions_count_up_per_loan_and_no_payment_is_told_twice():
    versions: dict[str, int] = {}
    payments = Counter()
    for event in story():
        data = event["data"]
        if version := data.get("loan_version"):
            assert version == versions.get(data["loan_id"], 0) + 1
            versions[data["loan_id"]] = version
        if "payment_id" in data:
            payments[event["type"], data["payment_id"]] += 1
    assert max(payments.values()) == 1
    assert len(payments) > EVENTS / 20


def test_a_payment_lowers_what_is_past_due_by_its_amount():
    due: dict[str, Decimal] = {}
    for event in story():
        data, kind = event["data"], event["type"]
        if "arrears_after" in data:
            sign = -1 if kind == "loan.payment_received.v1" else 1
            assert total(data["arrears_after"]) == due[data["loan_id"]] + sign * Decimal(data["amount"])
        if "arrears" in data or "arrears_after" in data:
            due[data["loan_id"]] = total(data.get("arrears") or data["arrears_after"])


def total(arrears: dict[str, str]) -> Decimal:
    return sum((Decimal(part) for part in arrears.values()), Decimal(0))
