"""Rules about who is contacted, over which contact point, and what keeps them in peace."""

from dataclasses import dataclass, field
from datetime import timedelta

from schemas.values import BorrowerStatus, Party
from services.rulebook.kinds.asking import PASSES, Finding, Question, unless, while_consented
from services.rulebook.question import ConsentKind


@dataclass(frozen=True, slots=True)
class PartyIn:
    """Only these parties are collected from. `but_for`: purposes that collect nothing; for them others may be asked."""

    allowed: tuple[Party, ...]
    but_for: tuple[str, ...] = ()
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The party of the proposal decides."""
        passes = q.proposal.party in self.allowed or q.proposal.purpose in self.but_for
        return PASSES if passes else Finding(False, f"a {q.proposal.party} is not collected from")


@dataclass(frozen=True, slots=True)
class PurposeIn:
    """Contacted only for these purposes."""

    allowed: tuple[str, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The purpose of the proposal decides."""
        return unless(
            q.proposal.purpose in self.allowed, f"a {q.proposal.party} is not contacted for {q.proposal.purpose}"
        )


@dataclass(frozen=True, slots=True)
class NotRefused:
    """A contact person who refused is not contacted again, ever. One who is not named does not pass."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Every refusal decides."""
        person = q.proposal.person_id
        if person is None:
            return Finding(False, "it is not known which contact person it is")
        return unless(person not in q.history.refusals, "this contact person wants to hear no more of it")


@dataclass(frozen=True, slots=True)
class ContactPointSource:
    """Numbers and addresses are used only when they come from one of these sources."""

    allowed: tuple[str, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A contact point of unknown source does not pass."""
        source = q.proposal.contact_source
        if source in self.allowed:
            return PASSES
        return Finding(False, f"the source of the contact point is {source or 'not known'}")


@dataclass(frozen=True, slots=True)
class VerifiedPoint:
    """A contact point was confirmed to be the borrower's at most `days_max` local days ago."""

    days_max: int
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """One that was never confirmed does not pass."""
        known = q.proposal.verified_on
        if known is None:
            return Finding(False, "the contact point was never confirmed to be the borrower's")
        fresh = q.day <= known + timedelta(days=self.days_max)
        return Finding(fresh, "" if fresh else f"the contact point was last confirmed on {known}")


@dataclass(frozen=True, slots=True)
class LenderDevice:
    """No contact from the private telephone or account of whoever makes it."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The proposal says from where."""
        return unless(not q.proposal.private_device, "it was to be made from a private device")


@dataclass(frozen=True, slots=True)
class NoHold:
    """No contact while a hold stands; `reasons` limits it to these."""

    reasons: tuple[str, ...] = ()
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A hold with an end lets pass from that instant on."""
        if not q.history.holds:
            return PASSES
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
        """Every request decides; one that a consent has lifted stands again when the consent ends."""
        if not q.history.stops:
            return PASSES
        if any(s.stands(q.at, q.proposal.channel, q.profile.consents) for s in q.history.stops):
            return Finding(False, "the borrower asked not to be contacted")
        lifted = q.consents("channel")
        ends = [c.expires_at for c in lifted if c.expires_at is not None]
        return Finding(passes=True, ends_at=min(ends, default=None))


@dataclass(frozen=True, slots=True)
class ConsentRequired:
    """No contact over the rule's channels without a consent of this kind."""

    consent: ConsentKind
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A consent that covers the channel at this instant."""
        return while_consented(q, self.consent, f"no consent to {self.consent}")


@dataclass(frozen=True, slots=True)
class StatusIn:
    """Only borrowers in one of these states are contacted.."""

    allowed: tuple[BorrowerStatus, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The borrower's state decides."""
        if q.profile.status in self.allowed:
            return PASSES
        return Finding(False, f"the borrower is {q.profile.status}")


@dataclass(frozen=True, slots=True)
class NotVulnerable:
    """Borrowers known to be vulnerable are not contacted over the rule's channels."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The flag of the borrower decides."""
        return unless(not q.profile.vulnerable, "the borrower is known to be vulnerable")
