"""The closed set of rule kinds. Each is its parameters and one pure function: does this contact pass, and until when?

A rule that asks for something which is not known does not pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from schemas.values import BorrowerStatus, Channel, Party
from services.rulebook.local import DAY, day_start, local_day, next_at
from services.rulebook.question import Consent, ConsentKind, Contacted, History, Profile, Proposal

Calendars: TypeAlias = Mapping[str, Mapping[int, tuple[date, ...]]]
Per: TypeAlias = Literal["debtor", "number", "loan"]


@dataclass(frozen=True, slots=True)
class Question:
    """One rule asked about one proposal at one instant. `channels` are those the rule counts, none meaning all."""

    proposal: Proposal
    history: History
    profile: Profile
    zone: ZoneInfo
    calendars: Calendars
    at: datetime
    channels: tuple[Channel, ...] = ()

    @property
    def day(self) -> date:
        """The borrower's calendar day."""
        return local_day(self.at, self.zone)

    def consents(self, kind: ConsentKind) -> tuple[Consent, ...]:
        """Consents of a kind that cover this channel at this instant."""
        return tuple(c for c in self.profile.consents if c.kind == kind and c.holds(self.at, self.proposal.channel))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says. retry_at: when it would pass if nothing but time changes; ends_at: when it ceases to pass."""

    passes: bool
    text: str = ""
    retry_at: datetime | None = None
    ends_at: datetime | None = None
    count: int | None = None


PASSES = Finding(passes=True)


class Parameters(Protocol):
    """The parameters of a kind."""

    @property
    def days_back(self) -> int:
        """How many local days of contacts it looks back on."""
        ...

    def judge(self, q: Question) -> Finding:
        """Whether the contact passes."""
        ...


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No contact from `start` to `end` in the borrower's local time, unless a consent of kind `lifted_by` covers it."""

    start: time
    end: time
    lifted_by: ConsentKind | None = None
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Quiet hours are half open: at `start` it is quiet, at `end` it is not."""
        if self._quiet(q.at, q) and not self._lifted(q.at, q):
            local = q.at.astimezone(q.zone)
            text = f"quiet from {self.start:%H:%M} to {self.end:%H:%M}; it is {local:%H:%M} there"
            return Finding(passes=False, text=text, retry_at=self._opens(q))
        return Finding(passes=True, ends_at=self._closes(q))

    def _quiet(self, at: datetime, q: Question) -> bool:
        wall = at.astimezone(q.zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def _lifted(self, at: datetime, q: Question) -> Consent | None:
        consents = (c for c in q.profile.consents if c.kind == self.lifted_by)
        return next((c for c in consents if c.holds(at, q.proposal.channel)), None)

    def _opens(self, q: Question) -> datetime:
        """When the quiet ends, or sooner, when a consent begins."""
        edge = next_at(q.at, self.end, q.zone)
        given = [c.given_at for c in q.profile.consents if c.kind == self.lifted_by and q.at < c.given_at < edge]
        return min([edge, *(at for at in given if self._lifted(at, q))])

    def _closes(self, q: Question) -> datetime | None:
        """When the next quiet begins that no consent lifts; None when a consent without end lifts it."""
        edge = q.at if self._quiet(q.at, q) else next_at(q.at, self.start, q.zone)
        for _ in range(len(q.profile.consents) + 1):
            consent = self._lifted(edge, q)
            if consent is None:
                return edge
            if consent.expires_at is None:
                return None
            ends = consent.expires_at
            edge = ends if self._quiet(ends, q) else next_at(ends, self.start, q.zone)
        return edge


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `maximum` contacts in any `days` consecutive local days, per debtor, number used, or loan.

    counts: "contacts", or "connected" to leave out calls that are known to be unanswered.
    """

    maximum: int
    days: int = 1
    per: Per = "debtor"
    counts: Literal["contacts", "connected"] = "contacts"

    @property
    def days_back(self) -> int:
        """The days of its window."""
        return self.days

    def judge(self, q: Question) -> Finding:
        """Every window of `days` days that holds this day must have room for one more."""
        days = [_days(same, q) for same in _scopes(q, self.per, connected=self.counts == "connected")]
        worst = max(self._fullest(q.day, each) for each in days)
        if worst < self.maximum:
            return Finding(passes=True, ends_at=day_start(q.day + DAY, q.zone), count=worst)
        text = f"{worst} of at most {self.maximum} per {self.per} in {self.days} day(s)"
        return Finding(passes=False, text=text, retry_at=self._room(q, days), count=worst)

    def _fullest(self, day: date, days: list[date]) -> int:
        starts = (day - n * DAY for n in range(self.days))
        return max(sum(1 for each in days if start <= each < start + self.days * DAY) for start in starts)

    def _room(self, q: Question, days: list[list[date]]) -> datetime | None:
        if self.maximum <= 0:
            return None
        last = max(each for scope in days for each in scope)
        free = q.day + DAY
        while free <= last + self.days * DAY and any(self._fullest(free, each) >= self.maximum for each in days):
            free += DAY
        return day_start(free, q.zone)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """After a contact (or a conversation) none for `days` local days, its own day being the first."""

    days: int
    after: Literal["contact", "conversation"] = "contact"
    per: Per = "debtor"

    @property
    def days_back(self) -> int:
        """The days of its rest."""
        return self.days

    def judge(self, q: Question) -> Finding:
        """The latest contact decides."""
        connected = self.after == "conversation"
        days = [each for same in _scopes(q, self.per, connected=connected) for each in _days(same, q) if each <= q.day]
        ends = max(days) + self.days * DAY if days else q.day
        if ends <= q.day:
            return Finding(passes=True, ends_at=day_start(q.day + DAY, q.zone))
        text = f"the last {self.after} was on {max(days)}; {self.days} day(s) must pass"
        return Finding(passes=False, text=text, retry_at=day_start(ends, q.zone))


@dataclass(frozen=True, slots=True)
class PartyIn:
    """Only these parties are collected from."""

    allowed: tuple[Party, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The party of the proposal decides."""
        return _unless(q.proposal.party in self.allowed, f"a {q.proposal.party} is not collected from")


@dataclass(frozen=True, slots=True)
class ContactPointSource:
    """Numbers and addresses are used only when they come from one of these sources."""

    allowed: tuple[str, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A contact point of unknown source does not pass."""
        source = q.proposal.contact_source
        text = f"the source of the contact point is {source or 'not known'}"
        return _unless(source in self.allowed, text)


@dataclass(frozen=True, slots=True)
class NoHold:
    """No contact while a hold stands; `reasons` limits it to these."""

    reasons: tuple[str, ...] = ()
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A hold with an end lets pass from that instant on."""
        standing = [
            hold
            for hold in q.history.holds
            if (hold.until is None or hold.until > q.at) and (not self.reasons or hold.reason in self.reasons)
        ]
        if not standing:
            return PASSES
        ends = [hold.until for hold in standing if hold.until is not None]
        retry_at = max(ends) if len(ends) == len(standing) else None
        return Finding(False, f"on hold: {', '.join(sorted({h.reason for h in standing}))}", retry_at)


@dataclass(frozen=True, slots=True)
class NoStopRequest:
    """No contact over a channel that the borrower asked to be left alone on, until a later consent allows it again."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Every request decides."""
        stands = any(s.stands(q.at, q.proposal.channel, q.profile.consents) for s in q.history.stops)
        return _unless(not stands, "the borrower asked not to be contacted")


@dataclass(frozen=True, slots=True)
class ConsentRequired:
    """No contact over the rule's channels without a consent of this kind."""

    consent: ConsentKind
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A consent that covers the channel at this instant."""
        held = q.consents(self.consent)
        if not held:
            return Finding(False, f"no consent to {self.consent}")
        ends = [c.expires_at for c in held if c.expires_at is not None]
        return Finding(passes=True, ends_at=max(ends) if len(ends) == len(held) else None)


@dataclass(frozen=True, slots=True)
class StatusIn:
    """Only borrowers in one of these states are contacted."""

    allowed: tuple[BorrowerStatus, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The borrower's state decides."""
        return _unless(q.profile.status in self.allowed, f"the borrower is {q.profile.status}")


@dataclass(frozen=True, slots=True)
class NotVulnerable:
    """Borrowers known to be vulnerable are not contacted over the rule's channels."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The flag of the borrower decides."""
        return _unless(not q.profile.vulnerable, "the borrower is known to be vulnerable")


@dataclass(frozen=True, slots=True)
class Staffing:
    """At least so many different people go."""

    minimum: int
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Nobody counts twice."""
        people = len(set(q.proposal.team))
        return _unless(people >= self.minimum, f"{people} of at least {self.minimum} people")


@dataclass(frozen=True, slots=True)
class Recording:
    """The whole visit is recorded, in sound and picture."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The proposal says whether it will be."""
        return _unless(q.proposal.recording, "no recording is planned")


@dataclass(frozen=True, slots=True)
class Place:
    """Only these places; those in `with_consent` only with the borrower's consent of that kind."""

    allowed: tuple[str, ...]
    with_consent: dict[str, ConsentKind] = field(default_factory=dict)
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A place that is not named, or not known, does not pass."""
        place = q.proposal.place or "not known"
        if place in self.with_consent:
            return _unless(bool(q.consents(self.with_consent[place])), f"no consent to a visit at the place: {place}")
        return _unless(place in self.allowed, f"the place is {place}")


@dataclass(frozen=True, slots=True)
class ProvedNotice:
    """A notice is proved to have arrived, its response window is over, and it is not older than `days_max`."""

    days_max: int
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The proposal names the proof."""
        proof = next((p for p in q.history.proofs if p.proof_id == q.proposal.proof_id), None)
        if proof is None:
            return Finding(False, "no notice is proved to have arrived")
        ends = proof.delivered_at + self.days_max * timedelta(days=1)
        if q.at >= ends:
            return Finding(False, f"the proved notice is older than {self.days_max} days")
        if q.at < proof.window_ends_at:
            return Finding(False, "the response window is not over", proof.window_ends_at)
        return Finding(passes=True, ends_at=ends)


@dataclass(frozen=True, slots=True)
class Blackout:
    """No contact on the days of a calendar. A year that the calendar does not know does not pass."""

    calendar: str
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The borrower's local day decides."""
        years = q.calendars.get(self.calendar, {})
        if q.day.year not in years:
            return Finding(False, f"the calendar {self.calendar} is not known for {q.day.year}")
        if q.day not in years[q.day.year]:
            return Finding(passes=True, ends_at=day_start(q.day + DAY, q.zone))
        free = q.day + DAY
        while free in years.get(free.year, ()):
            free += DAY
        return Finding(False, f"{q.day} is a day of {self.calendar}", day_start(free, q.zone))


@dataclass(frozen=True, slots=True)
class Entrustment:
    """What an agency must have before a case is entrusted to it; asked by `entrustment.forbids`, not of contacts."""

    whitelisted: bool = False
    licence: bool = False
    mandate: bool = False
    inspected_within_days: int | None = None
    days_back: int = field(default=0, init=False)

    def judge(self, _q: Question) -> Finding:
        """It says nothing about a single contact."""
        return PASSES


KINDS: Mapping[str, type[Parameters]] = {
    "quiet_hours": QuietHours,
    "cap": Cap,
    "cooldown": Cooldown,
    "party": PartyIn,
    "contact_point_source": ContactPointSource,
    "hold": NoHold,
    "stop_request": NoStopRequest,
    "consent": ConsentRequired,
    "borrower_status": StatusIn,
    "vulnerability": NotVulnerable,
    "staffing": Staffing,
    "recording": Recording,
    "place": Place,
    "proved_notice": ProvedNotice,
    "blackout": Blackout,
    "entrustment": Entrustment,
}


def _unless(passes: bool, text: str) -> Finding:
    return PASSES if passes else Finding(False, text)


def _scopes(q: Question, per: Per, *, connected: bool) -> list[list[Contacted]]:
    """The contacts that count together with this one: of the debtor, of the number, or for each of its loans."""
    others = [
        c
        for c in q.history.contacts
        if c.contact_id != q.proposal.contact_id
        and (not q.channels or c.channel in q.channels)
        and (c.connected or not connected)
    ]
    if per == "number":
        return [[c for c in others if c.contact_point == q.proposal.contact_point]]
    if per == "loan":
        return [[c for c in others if loan in c.loan_ids] for loan in q.proposal.loan_ids] or [others]
    return [others]


def _days(contacts: list[Contacted], q: Question) -> list[date]:
    return [local_day(c.at, q.zone) for c in contacts]
