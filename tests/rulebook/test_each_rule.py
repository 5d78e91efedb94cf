"""Each rule of each version is taken out of its pack in turn: some decision then comes out otherwise."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.rulebook.entrustment import AgencyOnPaper, forbids
from services.rulebook.gate import decide
from services.rulebook.question import (
    Contacted,
    History,
    Hold,
    Profile,
    Proposal,
    ProvedDelivery,
    QuietTime,
    StopRequest,
)
from services.rulebook.shelf import load_rulebooks
from services.rulebook.texts import parts_required

DAY = timedelta(days=1)
HOMES = {
    "CN": ("CN-GD", "Asia/Shanghai"),
    "US": ("US-NY", "America/New_York"),
    "IN": ("IN-MH", "Asia/Kolkata"),
    "GB": ("GB-ENG", "Europe/London"),
}
BOOKS = list(load_rulebooks().versions())
RULES = [(book, rule) for book in BOOKS for rule in book.rules]


def noon(book, rule):
    """Noon of a working day on which the rule is in force in its own words."""
    day = max(rule.effective_from, date(2026, 3, 4)) + DAY
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(HOMES[book.country][1])).astimezone(UTC)


def lawful(book, rule):
    """A proposal over one of the rule's channels that nothing stands against, with history and person."""
    at, channel = noon(book, rule), rule.channels[0] if rule.channels else "sms"
    party = rule.parties[0] if rule.parties else "debtor"
    proposal = Proposal(
        contact_id="N-1",
        channel=channel,
        purpose="location" if party == "contact_person" else "notice",
        at=at,
        until=at + timedelta(hours=3),
        party=party,
        loan_ids=("L-1",),
        contact_point="T-1",
        contact_source="contract",
        place="home",
        team=("S-1", "S-2"),
        recording=True,
        proof_id="PF-1",
        products=rule.products or ("consumer_loan",),
        verified_on=at.date(),
        person_id="CPN-1",
    )
    proofs = (ProvedDelivery("PF-1", at - 10 * DAY, at - 5 * DAY),)
    return proposal, History(proofs=proofs), Profile(*HOMES[book.country], number_invalid=party == "contact_person")


def contacts(count, rule, at, *, connected=True, minutes=10):
    channel = rule.channels[0]
    return tuple(
        Contacted(f"X-{n}", channel, at - timedelta(minutes=minutes + n), "T-1", ("L-1",), connected)
        for n in range(count)
    )


def _hour(hour):
    return datetime(2026, 1, 1, hour, tzinfo=UTC).time()


def at_night(proposal, parameters, who):
    night = proposal.at.astimezone(ZoneInfo(who.time_zone)).replace(hour=parameters.start.hour)
    return replace(proposal, at=night, until=night + timedelta(hours=1))


def on_a_holiday(proposal, _parameters, _who):
    holiday = datetime(2026, 10, 2, 6, 30, tzinfo=UTC)
    return replace(proposal, at=holiday, until=holiday + timedelta(hours=1))


def full(rule, at):
    return contacts(rule.parameters.maximum, rule, at, connected=rule.parameters.per != "number")


def stands(rule, at):
    return (Hold("H-1", next(iter(rule.parameters.reasons), "officer"), at - DAY),)


MOMENTS = {"quiet_hours": at_night, "blackout": on_a_holiday}
PROPOSALS = {
    "party": {"party": "contact_person"},
    "purpose": {"purpose": "notice"},
    "contact_point_source": {"contact_source": "bought"},
    "verified_contact_point": {"verified_on": date(2025, 1, 1)},
    "lender_device": {"private_device": True},
    "staffing": {"team": ("S-1",)},
    "recording": {"recording": False},
    "place": {"place": "work"},
    "place_with_consent": {"place": "work"},
    "proved_notice": {"proof_id": None},
}
PERSONS = {
    "requested_quiet": {"quiet_times": (QuietTime(_hour(11), _hour(13)),)},
    "lost_contact": {"number_invalid": False},
    "borrower_status": {"status": "bankrupt"},
    "vulnerability": {"vulnerable": True},
}
HISTORIES = {
    "spacing": lambda rule, at: {"contacts": contacts(1, rule, at, connected=False, minutes=2)},
    "cap": lambda rule, at: {"contacts": full(rule, at)},
    "cooldown": lambda rule, at: {"contacts": contacts(1, rule, at)},
    "refusal": lambda _rule, _at: {"refusals": ("CPN-1",)},
    "hold": lambda rule, at: {"holds": stands(rule, at)},
    "stop_request": lambda _rule, at: {"stops": (StopRequest("SR-1", at - DAY),)},
}


def unlawful(book, rule):
    """The same, broken in the one way that a rule of this kind forbids."""
    proposal, history, who = lawful(book, rule)
    assert rule.kind in {*MOMENTS, *PROPOSALS, *PERSONS, *HISTORIES}, f"nothing breaks a rule of kind {rule.kind}"
    history = replace(history, **HISTORIES.get(rule.kind, lambda *_: {})(rule, proposal.at))
    proposal = replace(proposal, **PROPOSALS.get(rule.kind, {}))
    if rule.kind in MOMENTS:
        proposal = MOMENTS[rule.kind](proposal, rule.parameters, who)
    return proposal, history, replace(who, **PERSONS.get(rule.kind, {}))


def without(book, rule):
    return replace(book, rules=tuple(other for other in book.rules if other.id != rule.id))


def ids(pairs):
    return [f"{book.jurisdiction}-{book.version}: {rule.id}" for book, rule in pairs]


OF_CONTACTS = [(b, r) for b, r in RULES if r.kind not in ("entrustment", "mandatory_parts") and r.switched_on]
OFF = [(b, r) for b, r in RULES if not r.switched_on]
OF_AGENCIES = [(b, r) for b, r in RULES if r.kind == "entrustment"]
OF_TEXTS = [(b, r) for b, r in RULES if r.kind == "mandatory_parts"]


@pytest.mark.parametrize(("book", "rule"), OF_CONTACTS, ids=ids(OF_CONTACTS))
def test_without_this_rule_a_decision_is_another(book, rule):
    proposal, history, who = unlawful(book, rule)
    decision = decide(proposal, history, who, book, proposal.at)
    missing = decide(proposal, history, who, without(book, rule), proposal.at)
    assert not decision.allowed
    assert rule.id in {reason.rule_id for reason in decision.reasons}
    assert rule.id not in {reason.rule_id for reason in missing.reasons}


@pytest.mark.parametrize(("book", "rule"), OF_CONTACTS, ids=ids(OF_CONTACTS))
def test_what_breaks_no_rule_is_allowed(book, rule):
    """So that the denial of the other test comes from what was broken there and from nothing else."""
    proposal, history, who = lawful(book, rule)
    if proposal.party == "contact_person" and book.version == "1":
        return
    decision = decide(proposal, history, who, book, proposal.at)
    assert decision.allowed, decision.reasons


@pytest.mark.parametrize(("book", "rule"), OFF, ids=ids(OFF))
def test_a_rule_that_is_off_forbids_nothing_until_it_is_switched_on(book, rule):
    proposal, history, who = unlawful(book, rule)
    on = replace(rule, switched_on=True)
    switched = replace(book, rules=tuple(on if other.id == rule.id else other for other in book.rules))
    assert rule.id not in {r.rule_id for r in decide(proposal, history, who, book, proposal.at).reasons}
    assert rule.id in {r.rule_id for r in decide(proposal, history, who, switched, proposal.at).reasons}


LACKING = {
    "whitelisted": {"whitelisted": False},
    "licence": {"licensed_until": None},
    "mandate": {"mandate_until": None},
    "inspected_within_days": {"inspected_on": None},
    "evaluated_within_days": {"evaluated_on": None, "mandate_from": date(2000, 1, 1)},
    "certified_staff_min": {"certified_until": ()},
}


@pytest.mark.parametrize(("book", "rule"), OF_AGENCIES, ids=ids(OF_AGENCIES))
def test_without_this_rule_an_agency_that_lacks_something_is_entrusted(book, rule):
    on = noon(book, rule).date()
    end = on + 300 * DAY
    able = AgencyOnPaper(True, end, on, on, end, on, (end, end))
    assert forbids(able, book, on) == ()
    for asked, missing in LACKING.items():
        if getattr(rule.parameters, asked):
            agency = replace(able, **missing)
            assert rule.id in {reason.rule_id for reason in forbids(agency, book, on)}
            assert rule.id not in {reason.rule_id for reason in forbids(agency, without(book, rule), on)}


@pytest.mark.parametrize(("book", "rule"), OF_TEXTS, ids=ids(OF_TEXTS))
def test_without_this_rule_a_text_may_say_less(book, rule):
    on, channel = noon(book, rule).date(), rule.channels[0] if rule.channels else "sms"
    needed, less = parts_required(book, channel, on), parts_required(without(book, rule), channel, on)
    assert all(rule.id in needed[part] and rule.id not in less.get(part, ()) for part in rule.parameters.parts)
