"""Window, address and team: where the next visit would be, and by whom."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.visits.domain.conduct import distance_metres, in_order
from services.visits.domain.credentials import as_typed, code_of, typed
from services.visits.domain.panel import Policy
from services.visits.domain.planning import choose_team, earliest_start, teams_of, usable_places, windows, zone_of
from services.visits.domain.state import Borrower, Place, Placement, Profile, Seal
from services.visits.domain.state import fresh as nobody
from services.visits.handlers import placement_of, profile_of
from tests.visits import building as b
from tests.visits.building import NOON, POLICY

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia")
PLACEMENT = placement_of(b.activated())


class At:
    """A moment with nothing in it but now and the panel."""

    def __init__(self, now: datetime, policy: Policy = POLICY) -> None:
        self.now, self.recorded, self.known_as_of, self.cause = now, now, now, "a fact"
        self.reference = b.panel(policy=policy)


def place(address_id: str, kind: str = "home", source: str = "contract") -> Place:
    return Place(address_id, kind, source, Seal("", "withheld"))  # type: ignore[arg-type]


def profile(*places: Place, **changes: object) -> Profile:
    return replace(Profile("CN-GD", b.CHINA, places=places), **changes)  # type: ignore[arg-type]


def known(person: Profile) -> Borrower:
    return replace(nobody("B-1"), profile=person)


@given(
    now=st.integers(0, 730 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    zone=st.sampled_from(ZONES),
    since=st.none() | st.integers(0, 24 * 60 * 9),
    attempts=st.integers(0, 5),
)
def test_a_window_is_the_borrowers_own_and_keeps_lead_and_gap(now, zone, since, attempts):
    last = None if since is None else now - timedelta(minutes=since)
    person = profile(place("AD-1"), time_zone=zone)
    borrower = replace(nobody("B-1"), profile=person, last_attempt_at=last)
    found = list(windows(borrower, replace(PLACEMENT, attempts=attempts), person, At(now)))
    assert found
    for start, end in found:
        assert (start.time(), end.time()) in POLICY.windows
        assert start.astimezone(zone_of(person)).utcoffset() == start.utcoffset()
        assert start.date() >= now.astimezone(zone_of(person)).date() + POLICY.lead
        assert last is None or start - last >= POLICY.gap


def test_the_gap_counts_to_the_minute():
    last = NOON
    start = earliest_start(replace(nobody("B-1"), last_attempt_at=last), POLICY, zone_of(profile()), NOON)
    assert start == last + POLICY.gap


def test_windows_are_spread_over_borrowers():
    def hour(n: int) -> int:
        borrower: Borrower = nobody(f"B-{n}")
        return next(windows(borrower, PLACEMENT, profile(), At(NOON)))[0].hour

    counted = Counter(hour(n) for n in range(600))
    assert set(counted) == {9, 12, 15}
    assert min(counted.values()) > 150


@pytest.mark.parametrize(
    ("places", "first"),
    [
        ((place("AD-1", "registered"), place("AD-2", "home")), "AD-2"),
        ((place("AD-1", "home", "public_channel"), place("AD-2", "home", "contract")), "AD-2"),
        ((place("AD-1", "work"), place("AD-2", "registered")), "AD-2"),
        ((place("AD-1", "home", "bought_somewhere"), place("AD-2", "registered")), "AD-2"),
    ],
)
def test_home_comes_first_and_the_surer_source_and_never_an_unlawful_one(places, first):
    assert usable_places(known(profile(*places)), PLACEMENT, At(NOON))[0].address_id == first


def test_consent_to_be_visited_at_work_ends():
    at_work = known(profile(place("AD-1", "work"), workplace=True, workplace_until=NOON + timedelta(days=1)))
    assert usable_places(at_work, PLACEMENT, At(NOON))
    assert not usable_places(at_work, PLACEMENT, At(NOON + timedelta(days=2)))


def test_teams_change_from_day_to_day_and_nobody_is_in_two():
    days = [date(2026, 3, 3) + timedelta(days=n) for n in range(20)]
    plans = [teams_of(b.STAFF, "CN-GD", day, 2) for day in days]
    assert len({tuple(sorted(map(frozenset, plan), key=sorted)) for plan in plans}) > 3
    assert all(len({s for team in plan for s in team}) == len(b.STAFF) for plan in plans)


def test_a_full_day_is_full():
    day = date(2026, 3, 3)
    everybody = {(s.staff_id, day): POLICY.staff_day_max for s in b.STAFF}
    assert choose_team(b.agency(), "CN-GD", day, "V-1", b.panel()) is not None
    assert choose_team(b.agency(), "CN-GD", day, "V-1", b.panel(booked=everybody)) is None


def test_no_strategy_may_send_one_visitor_alone():
    alone = b.panel(policy=replace(POLICY, team_size=1))
    assert len(choose_team(b.agency(), "CN-GD", date(2026, 3, 3), "V-1", alone) or ()) == 2


def test_a_code_is_read_as_it_may_be_typed_and_belongs_to_one_visit():
    code = code_of(b"k" * 32, "V-B-1-1")
    assert typed(code.lower().replace("-", " ")) == code
    assert typed(code.replace("O", "0").replace("I", "1")) == code
    assert len({code_of(b"k" * 32, f"V-B-1-{n}") for n in range(2000)}) == 2000
    assert code_of(b"x" * 32, "V-B-1-1") != code


def test_a_code_that_is_none_is_shown_again_as_it_was_typed():
    assert as_typed("xyz-123") == "XYZ-123"
    assert as_typed(" k7qfa  3mxdz/../<b>") == "K7QFA 3MXDZB"
    assert as_typed("../") == ""


def test_distance_is_a_great_circle():
    beijing, shanghai = (39.9042, 116.4074), (31.2304, 121.4737)
    assert distance_metres(beijing, shanghai) == pytest.approx(1_067_000, rel=0.01)


def test_the_round_goes_to_the_nearest_next_and_to_unknown_places_last():
    assert in_order([None, (0.0, 0.0), (0.0, 5.0), (0.0, 1.0)]) == [1, 3, 2, 0]
    assert in_order([]) == []


def test_a_record_without_known_addresses_still_reads():
    assert profile_of(b.recorded(addresses=())).places == ()
    assert isinstance(PLACEMENT, Placement)
