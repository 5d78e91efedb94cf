"""The gate against brute force: any zone, any instant, any history. Caps hold, and the time to retry is exact."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.rulebook.gate import decide
from services.rulebook.packs import load_rulebook
from services.rulebook.question import Consent, Contacted, History, Hold, Profile, Proposal, StopRequest
from tests.rulebook.asking import CN, ask, call, message, profile, visit

US = load_rulebook("US")
UNSPACED = replace(US, rules=tuple(rule for rule in US.rules if rule.kind != "spacing"))
"""Without the one rule that counts in minutes: brute force looks at quarters of an hour."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "America/St_Johns",
    "Europe/London",
    "Australia/Lord_Howe",  # summer time is half an hour
    "America/Asuncion",
    "Asia/Beirut",  # summer time begins at midnight
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
)
zones = st.sampled_from(ZONES)
start = datetime(2026, 1, 1, tzinfo=UTC)
instants = st.integers(0, 365 * 24 * 60).map(lambda minutes: start + minutes * MINUTE)
near = st.integers(-10 * 24 * 4, 3 * 24 * 4).map(lambda quarters: quarters * 15 * MINUTE)


def is_quiet(at, zone, first=time(22), last=time(8)):
    wall = at.astimezone(ZoneInfo(zone)).time()
    return wall >= first or wall < last


@given(instants, zones)
@example(datetime(2026, 3, 8, 6, 59, tzinfo=UTC), "America/New_York")
@example(datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "America/New_York")
@example(datetime(2026, 3, 28, 22, 0, tzinfo=UTC), "Asia/Beirut")
@example(datetime(2026, 4, 4, 15, 0, tzinfo=UTC), "Australia/Lord_Howe")
def test_no_message_is_allowed_in_the_quiet_hours_of_any_zone(at, zone):
    decision = ask(message(at=at), who=profile(time_zone=zone))
    assert decision.allowed is not is_quiet(at, zone)
    if decision.allowed:
        open_at = at
        while open_at < decision.expires_at:
            assert not is_quiet(open_at, zone)
            open_at += 7 * MINUTE
        assert not is_quiet(decision.expires_at - MINUTE, zone)
        assert is_quiet(decision.expires_at, zone)


@given(instants, zones)
def test_the_time_to_retry_after_the_quiet_is_the_first_minute_that_is_not(at, zone):
    decision = ask(message(at=at), who=profile(time_zone=zone))
    if not decision.allowed:
        assert is_quiet(decision.retry_at - MINUTE, zone)
        assert not is_quiet(decision.retry_at, zone)
        assert ask(message(at=decision.retry_at), who=profile(time_zone=zone)).allowed


contacted = st.builds(
    lambda n, channel, before, point, loans, connected: (n, channel, before, point, loans, connected),
    st.integers(0, 10_000),
    st.sampled_from(["voice", "sms", "visit", "email"]),
    near,
    st.sampled_from(["T-1", "T-2"]),
    st.sampled_from([("L-1",), ("L-2",), ("L-1", "L-2")]),
    st.booleans(),
)


def history_of(at, entries, holds=()):
    contacts = tuple(
        Contacted(f"X-{n}-{i}", channel, at + shift, point, loans, connected)
        for i, (n, channel, shift, point, loans, connected) in enumerate(entries)
    )
    return History(contacts, tuple(Hold(f"H-{i}", "promise", at, at + end) for i, end in enumerate(holds)))


def brute_force_retry(proposal, history, who, book, at):
    """The first quarter of an hour from `at` on at which the gate says yes."""
    for step in range(4 * 24 * 20):
        later = at + step * 15 * MINUTE
        if decide(replace(proposal, at=later), history, who, book, later).allowed:
            return later
    return None


@settings(max_examples=60, deadline=None)
@given(
    at=instants,
    zone=zones,
    entries=st.lists(contacted, max_size=12),
    holds=st.lists(st.integers(1, 200).map(lambda n: n * 15 * MINUTE), max_size=2),
    book=st.sampled_from([CN, UNSPACED]),
    channel=st.sampled_from(["voice", "sms"]),
)
def test_the_time_to_retry_is_exact_over_quiet_hours_caps_cooldowns_and_holds(
    *, at, zone, entries, holds, book, channel
):
    at = at - timedelta(minutes=at.minute % 15)
    who = Profile("US-NY" if book is UNSPACED else "CN-GD", zone)
    history = history_of(at, entries, holds)
    proposal = message(channel, at)
    decision = decide(proposal, history, who, book, at)
    expected = brute_force_retry(proposal, history, who, book, at)
    assert (at if decision.allowed else decision.retry_at) == expected


@settings(max_examples=60, deadline=None)
@given(zones, st.lists(st.tuples(st.sampled_from(["L-1", "L-2", "L-3"]), st.integers(0, 600)), max_size=60))
def test_proposals_in_sequence_never_pass_a_daily_cap_over_several_loans(zone, proposals):
    """Every allowed call is reserved before the next is asked, whoever asks and about whichever loan."""
    at, history = start, History()
    for number, (loan, wait) in enumerate(proposals):
        at += wait * MINUTE
        decision = ask(
            call(at, contact_id=f"N-{number}", loan_ids=(loan,), contact_point=f"T-{number}"),
            history,
            profile(time_zone=zone),
        )
        if decision.allowed:
            history = History((*history.contacts, Contacted(f"N-{number}", "voice", at, f"T-{number}", (loan,))))
    days = [c.at.astimezone(ZoneInfo(zone)).date() for c in history.contacts]
    assert all(days.count(day) <= 3 for day in days)


@settings(max_examples=60, deadline=None)
@given(zones, st.lists(st.integers(-14 * 24, 14 * 24), max_size=25))
def test_visits_asked_for_in_any_order_are_never_two_in_seven_days(zone, hours):
    history = History(proofs=())
    book = replace(CN, rules=tuple(rule for rule in CN.rules if rule.kind != "proved_notice"))
    for number, hour in enumerate(hours):
        at = start + 30 * DAY + hour * HOUR
        if ask(visit(at, contact_id=f"V-{number}"), history, profile(time_zone=zone), book).allowed:
            history = History((*history.contacts, Contacted(f"V-{number}", "visit", at)))
    days = sorted(c.at.astimezone(ZoneInfo(zone)).date() for c in history.contacts)
    assert all((later - earlier).days >= 7 for earlier, later in itertools.pairwise(days))


anything = st.one_of(st.none(), st.text(max_size=8))


@settings(max_examples=150, deadline=None)
@given(
    at=instants,
    region=anything.map(lambda text: text or ""),
    zone=st.sampled_from([*ZONES, "", "Mars/Olympus", "Asia", "/etc/passwd", "a" * 300, "Asia/\0"]),
    party=st.sampled_from(["debtor", "guarantor", "contact_person"]),
    place=anything,
    source=anything,
    channel=st.sampled_from(["sms", "email", "letter", "voice", "visit"]),
    book=st.sampled_from([CN, US, None]),
    entries=st.lists(contacted, max_size=4),
    flag=st.booleans(),
)
def test_the_gate_never_raises_and_never_denies_without_a_reason(
    *, at, region, zone, party, place, source, channel, book, entries, flag
):
    region = region if flag else "CN-GD"
    consents = (Consent("CO", "night_contact", at - DAY, expires_at=at + HOUR),) if flag else ()
    proposal = Proposal("N-1", channel, "x", at, party=party, place=place, contact_source=source)
    history = replace(history_of(at, entries), stops=(StopRequest("SR", at),) if flag else ())
    decision = decide(proposal, history, Profile(region, zone, consents=consents), book, at)
    assert decision.allowed or decision.reasons
    assert decision.retry_at is None or decision.retry_at > at
    assert decision.allowed == (decision.expires_at is not None)


@pytest.mark.parametrize("zone", ZONES)
def test_an_allowed_contact_expires_after_it_begins(zone):
    for minutes in range(0, 3 * 24 * 60, 13):
        at = start + 60 * DAY + minutes * MINUTE
        decision = ask(message(at=at), who=profile(time_zone=zone))
        assert not decision.allowed or decision.expires_at > at
