"""The gate and the oracle agree on random histories; the full count is the program `tests.rulebook.histories`."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.rulebook.shelf import load_rulebooks
from tests.rulebook.histories import STEPS, Life, Tally, live
from tests.rulebook.oracle import BOOKS

SHELF = load_rulebooks()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**40), st.lists(st.sampled_from(sorted(STEPS)), min_size=2, max_size=12))
def test_whatever_happens_in_a_life_the_oracle_agrees_with_the_gate(seed, steps):
    tally = Tally()
    life = Life(str(seed), SHELF, tally)
    for step in [*steps, "propose"]:
        life.pass_time()
        getattr(life, step)()
    assert tally.faults == []


def test_some_hundred_histories_end_without_a_violation_or_an_unexplained_denial():
    tally = live(seed=7, first=0, count=400)
    assert tally.faults == []
    assert tally.switched > 50
    assert tally.moved > 20
    assert tally.allowed > 200


def test_the_oracle_knows_every_rule_of_contacts_and_no_other():
    for (country, version), laws in BOOKS.items():
        rules = [r for r in SHELF.books[country][version].rules if r.kind not in ("entrustment", "mandatory_parts")]
        assert set(laws) == {rule.id for rule in rules if rule.switched_on}


def test_a_gate_that_forgets_a_rule_is_found_out():
    """The comparison bites: without the quiet hours, contacts at night are violations."""
    china = SHELF.books["CN"]["2"]
    deaf = replace(china, rules=tuple(rule for rule in china.rules if rule.kind != "quiet_hours"))
    planted = replace(SHELF, books={**SHELF.books, "CN": {**SHELF.books["CN"], "2": deaf}})
    tally = live(seed=7, first=0, count=60, shelf=planted)
    assert any(fault.startswith("violation") and "CN-TIME-01" in fault for fault in tally.faults)


def test_a_gate_that_invents_a_denial_is_found_out():
    china = SHELF.books["CN"]["2"]
    strict = replace(
        china,
        rules=tuple(
            replace(rule, parameters=replace(rule.parameters, maximum=1)) if rule.id == "CN-FREQ-05-SMS" else rule
            for rule in china.rules
        ),
    )
    planted = replace(SHELF, books={**SHELF.books, "CN": {**SHELF.books["CN"], "2": strict}})
    tally = live(seed=7, first=0, count=400, shelf=planted)
    assert any(fault.startswith("unexplained") and "CN-FREQ-05-SMS" in fault for fault in tally.faults)
