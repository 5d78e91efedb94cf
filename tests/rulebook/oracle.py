"""What the reference of rules forbids, written out by hand and by brute force. It shares no code with the gate.

It reads attributes of the values that the gate is asked with, and nothing else of the project: every rule is spelt out
here again from the reference, with its number, its day and its force, one function each. It knows nothing of when
something ends or could be tried again: whoever wants to know asks at another instant.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CALENDARS = Path(__file__).parents[2] / "services" / "rulebook" / "calendars"
DAY = timedelta(days=1)
PROVINCES = (
    "CN-AH CN-BJ CN-CQ CN-FJ CN-GD CN-GS CN-GX CN-GZ CN-HA CN-HB CN-HE CN-HI CN-HL CN-HN CN-JL CN-JS CN-JX CN-LN CN-NM"
    " CN-NX CN-QH CN-SC CN-SD CN-SH CN-SN CN-SX CN-TJ CN-XJ CN-XZ CN-YN CN-ZJ"
)
KNOWN = {
    "CN": set(PROVINCES.split()),
    "US": {"US-NY", "US-CA", "US-TX", "US-IL", "US-AZ", "US-AK", "US-HI"},  # here and below: those that histories use
    "GB": {"GB-ENG", "GB-NIR", "GB-SCT", "GB-WLS"},
    "IN": {"IN-MH", "IN-DL", "IN-KA", "IN-TN", "IN-WB"},
}


@dataclass(frozen=True)
class Facts:
    """A proposal `p`, history `h` and person `who` at an instant, with the clock on their wall."""

    p: Any
    h: Any
    who: Any
    at: datetime

    @cached_property
    def local(self) -> datetime:
        return self.at.astimezone(ZoneInfo(self.who.time_zone))

    def day_of(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.who.time_zone)).date()

    def consented(self, kind: str) -> bool:
        return any(_covers(c, self.at, self.p.channel) for c in self.who.consents if c.kind == kind)

    def others(self) -> list[Any]:
        return [c for c in self.h.contacts if c.contact_id != self.p.contact_id]


Forbids = Callable[[Facts], bool]


def _covers(consent: Any, at: datetime, channel: str) -> bool:
    begun, ended = consent.given_at <= at, consent.expires_at is not None and consent.expires_at <= at
    return begun and not ended and (consent.channel is None or consent.channel == channel)


# -- when -------------------------------------------------------------------------------------------------------------


def quiet(first_hour: int, last_hour: int, *, consent: bool = True) -> Forbids:
    """Quiet from an evening hour to a morning hour."""

    def forbids(f: Facts) -> bool:
        hour = f.local.hour
        return (hour >= first_hour or hour < last_hour) and not (consent and f.consented("night_contact"))

    return forbids


def asked_for_peace(f: Facts) -> bool:
    now = f.local.time()
    return any(
        (not t.channels or f.p.channel in t.channels)
        and ((t.start <= now < t.end) if t.start < t.end else not t.end <= now < t.start)
        for t in f.who.quiet_times
    )


@cache
def _holidays(jurisdiction: str) -> dict[int, set[date]]:
    years = [tomllib.loads(path.read_text(encoding="utf-8")) for path in CALENDARS.glob(f"{jurisdiction}-*.toml")]
    return {year["year"]: {date.fromisoformat(day) for day in year["holidays"]} for year in years}


def holiday(own: str = "") -> Forbids:
    """A holiday of India, by the table or by a year's `own` list; a year that nothing is known of is all holidays."""
    listed = {date.fromisoformat(day) for day in own.split()}
    named = {day.year: listed for day in listed}

    def forbids(f: Facts) -> bool:
        day, known = f.local.date(), {**_holidays("IN"), **named}
        return day.year not in known or day in known[day.year]

    return forbids


# -- how often --------------------------------------------------------------------------------------------------------


def _same(f: Facts, channel: str, scope: str, *, talked: bool) -> list[list[Any]]:
    counted = [c for c in f.others() if c.channel == channel and (c.connected or not talked)]
    if scope == "number":
        return [[c for c in counted if c.contact_point == f.p.contact_point]]
    if scope == "debt":
        return [[c for c in counted if debt in c.loan_ids] for debt in f.p.loan_ids] or [counted]
    return [counted]


def more_than(most: int, channel: str, days: int = 1, scope: str = "debtor", *, talked: bool = False) -> Forbids:
    """With this contact, some `days` consecutive local days would hold more than `most`."""

    def forbids(f: Facts) -> bool:
        today = f.local.date()
        for contacts in _same(f, channel, scope, talked=talked):
            when = [f.day_of(c.at) for c in contacts]
            for first in (today - n * DAY for n in range(days)):
                if sum(0 <= (day - first).days < days for day in when) + 1 > most:
                    return True
        return False

    return forbids


def within_days_of(days: int, channel: str, *, talked: bool) -> Forbids:
    """A contact about the same debt lies less than `days` days back, its own day being the first."""

    def forbids(f: Facts) -> bool:
        today = f.local.date()
        scopes = _same(f, channel, "debt", talked=talked)
        return any(0 <= (today - f.day_of(c.at)).days < days for contacts in scopes for c in contacts)

    return forbids


def unless_consented_lately(rule: Forbids, days: int) -> Forbids:
    """Direct prior consent to this very channel takes the call out, for so many days at most."""

    def forbids(f: Facts) -> bool:
        lately = any(
            c.kind == "channel"
            and c.channel == f.p.channel
            and _covers(c, f.at, f.p.channel)
            and f.at < c.given_at + days * DAY
            for c in f.who.consents
        )
        return rule(f) and not lately

    return forbids


def rung_just_before(minutes: int) -> Forbids:
    def forbids(f: Facts) -> bool:
        calls = [c for c in f.others() if c.channel == "voice" and not c.connected]
        return any(abs(c.at - f.at) < timedelta(minutes=minutes) for c in calls)

    return forbids


# -- who --------------------------------------------------------------------------------------------------------------


def collected_from(*parties: str, but_for: str = "") -> Forbids:
    return lambda f: f.p.party not in parties and f.p.purpose != (but_for or None)


def not_lost(f: Facts) -> bool:
    """The debtor may still be reached (CN-WHO-02, 04, 05; a finding holds for 7 days, which is the house's own)."""
    if f.who.status in ("deceased", "incapacitated") or f.who.number_invalid:
        return False
    calls = sorted(
        (c for c in f.h.contacts if c.channel == "voice" and c.party == "debtor" and c.at <= f.at), key=lambda c: c.at
    )
    vain: list[date] = []
    for call in calls:
        vain = [] if call.connected else [*vain, f.day_of(call.at)]
    today = f.local.date()
    vain = [day for day in vain if (today - day).days <= 7]
    same_day = any(vain.count(day) >= 3 and day < today for day in vain)
    in_a_row = any({day, day - DAY, day - 2 * DAY} <= set(vain) for day in vain)
    return not same_day and not in_a_row


# -- what stops -------------------------------------------------------------------------------------------------------


def held(*reasons: str) -> Forbids:
    def forbids(f: Facts) -> bool:
        return any((h.until is None or f.at < h.until) and (not reasons or h.reason in reasons) for h in f.h.holds)

    return forbids


def asked_to_stop(f: Facts) -> bool:
    for stop in f.h.stops:
        if stop.channels and f.p.channel not in stop.channels:
            continue
        lifted = [c for c in f.who.consents if c.kind == "channel" and c.given_at > stop.requested_at]
        if not any(_covers(c, f.at, f.p.channel) for c in lifted):
            return True
    return False


# -- visits -----------------------------------------------------------------------------------------------------------


def not_proved(f: Facts) -> bool:
    for proof in f.h.proofs:
        if proof.proof_id == f.p.proof_id:
            return not (proof.window_ends_at <= f.at < proof.delivered_at + 180 * DAY)
    return True


def placed_elsewhere(*places: str) -> Forbids:
    def forbids(f: Facts) -> bool:
        if f.p.place == "work":
            return not f.consented("workplace_visit")
        return f.p.place not in places

    return forbids


def at_work_without_consent(f: Facts) -> bool:
    return f.p.place is None or (f.p.place == "work" and not f.consented("workplace_visit"))


# -- the rules --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """One rule of the reference: what it forbids, from which day, in which words, over which channels, for whom."""

    forbids: Forbids
    since: date
    force: str = "HARD"
    early: date | None = None
    over: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    product: str = ""

    def in_words(self, day: date) -> str | None:
        """Its force on a day; None while nobody keeps it."""
        if day >= self.since:
            return self.force
        return "POLICY" if self.early is not None and day >= self.early else None

    def concerns(self, p: Any) -> bool:
        return (
            (not self.over or p.channel in self.over)
            and (not self.parties or p.party in self.parties)
            and (not self.product or not p.products or self.product in p.products)
        )


GBT, CBA = date(2025, 2, 28), date(2026, 1, 30)
CALL, VISIT = ("voice",), ("visit",)


def house(forbids: Forbids, since: date = GBT, **more: Any) -> Law:
    return Law(forbids, since, "POLICY", **more)


def guideline(forbids: Forbids, force: str = "HARD", **more: Any) -> Law:
    return Law(forbids, CBA, force, early=GBT, **more)


_BOTH = {
    "CN-TIME-01": Law(quiet(22, 8), GBT),
    "CN-TIME-02": guideline(quiet(22, 8)),
    "CN-FREQ-01": Law(more_than(3, "voice", talked=True), GBT, over=CALL),
    "CN-FREQ-02": Law(more_than(3, "voice", talked=True), GBT, over=CALL),
    "CN-FREQ-03": guideline(more_than(6, "voice", scope="number"), "SOFT", over=CALL),
    "CN-FREQ-05-SMS": house(more_than(2, "sms"), over=("sms",)),
    "CN-FREQ-05-EMAIL": house(more_than(2, "email"), over=("email",)),
    "CN-FREQ-05-LETTER": house(more_than(1, "letter"), over=("letter",)),
    "CN-WHO-08": guideline(lambda f: f.p.contact_source not in ("contract", "public_channel", "debtor_authorisation")),
    "CN-STOP-01": house(held()),
    "CN-STOP-02": house(asked_to_stop),
    "CN-VIS-01": guideline(lambda f: len(set(f.p.team)) < 2, over=VISIT),
    "CN-VIS-03": guideline(lambda f: not f.p.recording, over=VISIT),
    "CN-VIS-07": house(more_than(1, "visit", days=7), over=VISIT),
    "CN-VIS-07-NOTICE": house(not_proved, over=VISIT),
    "CN-VIS-07-PLACE": house(placed_elsewhere("home", "registered"), over=VISIT),
}
CHINA_1: Mapping[str, Law] = {
    **_BOTH,
    "CN-WHO-01": Law(collected_from("debtor", "guarantor"), GBT),
    "CN-STOP-03": house(lambda f: f.who.status != "active"),
}
THIRD = ("contact_person",)
CHINA: Mapping[str, Law] = {
    **_BOTH,
    "CN-HOUSE-PREFERENCE": house(asked_for_peace),
    "CN-WHO-01": Law(collected_from("debtor", "guarantor", but_for="location"), GBT),
    "CN-WHO-02": Law(not_lost, GBT, parties=THIRD),
    "CN-WHO-03": Law(lambda f: f.p.person_id is None or f.p.person_id in f.h.refusals, GBT, parties=THIRD),
    "CN-WHO-06": guideline(lambda f: f.p.purpose != "location", parties=THIRD),
    "CN-WHO-07": Law(collected_from("debtor", "guarantor", but_for="location"), GBT),
    "CN-SPC-01": house(lambda f: f.who.vulnerable, over=VISIT),
    "CN-CH-02": guideline(lambda f: f.p.private_device),
    "CN-REC-01": guideline(lambda f: not f.p.recording, over=CALL),
    "CN-STOP-03": house(lambda f: f.who.status != "active", parties=("debtor", "guarantor")),
    "CN-HRD-02": Law(held("plan"), GBT, product="credit_card"),
    "CN-ASG-01": Law(held("transfer_not_notified"), date(2021, 1, 1)),
    "CN-VIS-04": guideline(at_work_without_consent, over=VISIT),
}
REG_F = date(2021, 11, 30)
AMERICA: Mapping[str, Law] = {
    "US-TIME-01": Law(quiet(21, 8), REG_F),
    "US-TIME-01-KNOWN": Law(asked_for_peace, REG_F),
    "US-FREQ-01": Law(
        unless_consented_lately(more_than(7, "voice", days=7, scope="debt"), 7), REG_F, "SOFT", over=CALL
    ),
    "US-FREQ-02": Law(unless_consented_lately(within_days_of(7, "voice", talked=True), 7), REG_F, "SOFT", over=CALL),
    "US-FREQ-04": Law(rung_just_before(5), REG_F, "SOFT", over=CALL),
    "US-FREQ-04-DAY": Law(more_than(6, "voice"), REG_F, "SOFT", over=CALL),
    "US-WHO-01": Law(collected_from("debtor", "guarantor"), REG_F),
    "US-WHO-02": Law(held("attorney"), REG_F),
    "US-STOP-01": Law(asked_to_stop, REG_F),
    "US-STOP-02": Law(held("dispute"), REG_F),
    "US-HOUSE-HOLD": house(held(), REG_F),
    "US-WHO-03": house(lambda f: f.who.status != "active", REG_F),
    "US-PLACE-01": Law(placed_elsewhere("home", "registered"), REG_F, over=VISIT),
    "US-HOUSE-SMS": house(more_than(2, "sms"), REG_F, over=("sms",)),
    "US-HOUSE-VISIT": house(more_than(1, "visit", days=7), REG_F, over=VISIT),
    "US-HOUSE-STAFF": house(lambda f: len(set(f.p.team)) < 2, REG_F, over=VISIT),
    "US-HOUSE-NOTICE": house(not_proved, REG_F, over=VISIT),
}
RBI, DRAFT = date(2022, 8, 12), date(2026, 7, 1)
CALL_OR_VISIT = ("voice", "visit")
INDIA: Mapping[str, Law] = {
    "IN-TIME-01": Law(quiet(19, 8, consent=False), RBI),
    "IN-CONT-01": Law(collected_from("debtor", "guarantor"), RBI),
    "IN-D-01": Law(quiet(19, 8, consent=False), DRAFT, "SOFT", over=CALL_OR_VISIT),
    "IN-D-01-ASKED": Law(asked_for_peace, DRAFT, "SOFT", early=RBI),
    "IN-D-02": Law(collected_from("debtor", "guarantor"), DRAFT, "SOFT"),
    "IN-D-03": Law(placed_elsewhere("home", "registered", "chosen"), DRAFT, "SOFT", early=RBI, over=VISIT),
    "IN-D-04": Law(holiday(), DRAFT, "SOFT", over=CALL_OR_VISIT),
    "IN-D-04-EVENTS": Law(held("bereavement", "disaster", "wedding"), DRAFT, "SOFT", over=CALL_OR_VISIT),
    "IN-D-05": Law(lambda f: not f.p.recording, DRAFT, "SOFT", over=CALL),
    "IN-MFI-01": Law(quiet(18, 9, consent=False), RBI, product="micro_loan"),
    "IN-HOUSE-HOLD": house(held(), RBI),
    "IN-HOUSE-STOP": house(asked_to_stop, RBI),
    "IN-HOUSE-STATUS": house(lambda f: f.who.status != "active", RBI),
    "IN-HOUSE-SMS": house(more_than(2, "sms"), RBI, over=("sms",)),
    "IN-HOUSE-CALL": house(more_than(3, "voice"), RBI, over=CALL),
    "IN-HOUSE-VISIT": house(more_than(1, "visit", days=7), RBI, over=VISIT),
    "IN-HOUSE-STAFF": house(lambda f: len(set(f.p.team)) < 2, RBI, over=VISIT),
    "IN-HOUSE-NOTICE": house(not_proved, RBI, over=VISIT),
}
CONC = date(2014, 4, 1)
BRITAIN: Mapping[str, Law] = {
    "UK-TIME-01": house(quiet(21, 8), CONC),
    "UK-TIME-01-ASKED": Law(asked_for_peace, CONC),
    "UK-WHO-01": Law(collected_from("debtor", "guarantor"), CONC),
    "UK-STOP-01": Law(held("dispute", "breathing_space"), CONC),
    "UK-VIS-03": Law(held("dispute"), CONC, over=VISIT),
    "UK-HOUSE-HOLD": house(held(), CONC),
    "UK-HOUSE-STOP": house(asked_to_stop, CONC),
    "UK-HOUSE-STATUS": house(lambda f: f.who.status != "active", CONC),
    "UK-VIS-01": Law(not_proved, CONC, over=VISIT),
    "UK-VIS-02": Law(lambda f: f.who.vulnerable, CONC, over=VISIT),
    "UK-VIS-02-PLACE": Law(placed_elsewhere("home", "registered"), CONC, over=VISIT),
    "UK-HOUSE-SMS": house(more_than(2, "sms"), CONC, over=("sms",)),
    "UK-HOUSE-CALL": house(more_than(3, "voice"), CONC, over=CALL),
    "UK-HOUSE-VISIT": house(more_than(1, "visit", days=7), CONC, over=VISIT),
    "UK-HOUSE-STAFF": house(lambda f: len(set(f.p.team)) < 2, CONC, over=VISIT),
}
AMERICA_1: Mapping[str, Law] = {
    **{
        name: law
        for name, law in AMERICA.items()
        if name not in ("US-TIME-01-KNOWN", "US-WHO-02", "US-FREQ-04", "US-FREQ-04-DAY")
    },
    "US-FREQ-01": Law(more_than(7, "voice", days=7, scope="debt"), REG_F, "SOFT", over=CALL),
    "US-FREQ-02": Law(within_days_of(7, "voice", talked=True), REG_F, "SOFT", over=CALL),
}
GAZETTED = "2026-01-26 2026-03-04 2026-08-15 2026-10-02 2026-10-20 2026-11-08 2026-12-25"
_LATER = ("IN-D-01", "IN-D-01-ASKED", "IN-D-02", "IN-D-04-EVENTS", "IN-D-05", "IN-MFI-01", "IN-HOUSE-CALL")
INDIA_1: Mapping[str, Law] = {
    **{name: law for name, law in INDIA.items() if name not in _LATER},
    "IN-D-03": Law(placed_elsewhere("home", "registered"), DRAFT, "SOFT", early=RBI, over=VISIT),
    "IN-D-04": Law(holiday(GAZETTED), DRAFT, "SOFT", over=CALL_OR_VISIT),
}
BRITAIN_1: Mapping[str, Law] = {
    **{n: law for n, law in BRITAIN.items() if n not in ("UK-TIME-01-ASKED", "UK-VIS-03", "UK-HOUSE-CALL")},
    "UK-STOP-01": Law(held("dispute"), CONC),
}
BOOKS: Mapping[tuple[str, str], Mapping[str, Law]] = {
    ("CN", "1"): CHINA_1,
    ("CN", "2"): CHINA,
    ("US", "1"): AMERICA_1,
    ("US", "2"): AMERICA,
    ("IN", "1"): INDIA_1,
    ("GB", "1"): BRITAIN_1,
    ("IN", "2"): INDIA,
    ("GB", "2"): BRITAIN,
}


def forbidding(book: tuple[str, str], p: Any, h: Any, who: Any, at: datetime) -> frozenset[str]:
    """Every rule of a country's version that forbids this contact at an instant; none means that it may be made."""
    country, version = book
    if not who.time_zone or not _is_zone(who.time_zone):
        return frozenset({"GATE-TIME-ZONE"})
    if who.region not in KNOWN.get(country, ()):
        return frozenset({"GATE-REGION"})
    if p.until is not None and at >= p.until:
        return frozenset({"GATE-WINDOW"})
    facts = Facts(p, h, who, at)
    day = facts.local.date()
    found = set()
    for name, law in BOOKS[country, version].items():
        words = law.in_words(day)
        if words is None or not law.concerns(p) or not law.forbids(facts):
            continue
        if words == "SOFT" and p.overrides.get(name):
            continue
        found.add(name)
    return frozenset(found)


@cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
