"""What the contact gate is asked and what it answers, as values. They are kept with each decision to re-run it."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal

from schemas.values import Channel, Party, Reason

ConsentKind = Literal["night_contact", "channel", "third_party", "workplace_visit"]


@dataclass(frozen=True, slots=True)
class Consent:
    """Something that the borrower allows, from `given_at` until `expires_at` (None: until withdrawn)."""

    consent_id: str
    kind: ConsentKind
    given_at: datetime
    channel: Channel | None = None
    expires_at: datetime | None = None

    def holds(self, at: datetime, channel: Channel) -> bool:
        """Whether it covers this channel at this instant."""
        ended = self.expires_at is not None and at >= self.expires_at
        return self.given_at <= at and not ended and self.channel in (None, channel)


@dataclass(frozen=True, slots=True)
class Hold:
    """Collection rests for a reason, until released or `until`."""

    hold_id: str
    reason: str
    placed_at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The borrower wants no more contact over these channels (none named: over any)."""

    request_id: str
    requested_at: datetime
    channels: tuple[Channel, ...] = ()

    def stands(self, at: datetime, channel: Channel, consents: tuple[Consent, ...]) -> bool:
        """Whether it covers a channel at an instant; a consent of kind "channel" given after it lifts it."""
        covers = not self.channels or channel in self.channels
        later = (c for c in consents if c.kind == "channel" and c.given_at > self.requested_at)
        return covers and not any(c.holds(at, channel) for c in later)


@dataclass(frozen=True, slots=True)
class QuietTime:
    """A time of day, on the borrower's clock, at which the borrower asked to be left in peace (no channels: over any).

    Half open; it may run over midnight. `start` equal to `end` is the whole day.
    """

    start: time
    end: time
    channels: tuple[Channel, ...] = ()

    def holds(self, wall: time, channel: Channel) -> bool:
        """Whether it covers this channel when clocks show `wall`."""
        if self.channels and channel not in self.channels:
            return False
        inside = self.start <= wall < self.end
        return inside if self.start < self.end else wall >= self.start or wall < self.end


@dataclass(frozen=True, slots=True)
class Contacted:
    """One contact that counts: made, or allowed and not withdrawn. `connected` is False once known to be unanswered.

    party: who was contacted; a dial to somebody else says nothing about whether the debtor can be reached.
    """

    contact_id: str
    channel: Channel
    at: datetime
    contact_point: str | None = None
    loan_ids: tuple[str, ...] = ()
    connected: bool = True
    party: Party = "debtor"


@dataclass(frozen=True, slots=True)
class ProvedDelivery:
    """A notice of which it is proved that it arrived, and the instant until which an answer was waited for."""

    proof_id: str
    delivered_at: datetime
    window_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A contact that somebody wants to make with a person, from `at` on, by `until` at the latest.

    place, team and proof_id are of visits; recording is of visits and calls. products: of the loans, as far as known.
    verified_on: when the contact point was last confirmed to be the borrower's. person_id: the contact person, where
    the party is one. private_device: it is to be made from somebody's own telephone or account. overrides: rule id →
    the recorded reason why a SOFT rule does not block this contact.
    """

    contact_id: str
    channel: Channel
    purpose: str
    at: datetime
    until: datetime | None = None
    party: Party = "debtor"
    loan_ids: tuple[str, ...] = ()
    contact_point: str | None = None
    contact_source: str | None = None
    proposed_by: str = "notifier"
    place: str | None = None
    team: tuple[str, ...] = ()
    recording: bool = False
    proof_id: str | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    products: tuple[str, ...] = ()
    verified_on: date | None = None
    person_id: str | None = None
    private_device: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What the rules know of the person: where, in which time zone, in which state.

    quiet_times: when they asked to be left in peace. number_invalid: no telephone number that they gave is theirs.
    """

    region: str
    time_zone: str
    status: str = "active"
    vulnerable: bool = False
    consents: tuple[Consent, ...] = ()
    quiet_times: tuple[QuietTime, ...] = ()
    number_invalid: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What went before, over all loans and agencies: contacts that count, holds, stop requests, proved notices.

    refusals: contact persons who want to hear no more of it.
    """

    contacts: tuple[Contacted, ...] = ()
    holds: tuple[Hold, ...] = ()
    stops: tuple[StopRequest, ...] = ()
    proofs: tuple[ProvedDelivery, ...] = ()
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say to a proposal.

    reasons: of a denial, every rule that forbids it; of an allowance, the rules that were overridden. retry_at: the
    earliest instant at which the rules could say otherwise, None when no passing of time changes it. expires_at: when
    an allowed contact must have been made. local_time: the borrower's own time, ISO with offset, "" when unknown.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    rulebook: str
    local_time: str
    time_zone: str
    counters: dict[str, int]
    retry_at: datetime | None = None
    expires_at: datetime | None = None
