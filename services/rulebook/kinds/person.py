"""Rules about who is contacted, over which contact point, and what keeps them in peace."""

from dataclasses import dataclass, field

from schemas.values import BorrowerStatus, Party
from services.rulebook.kinds.asking import PASSES, Finding, Question, unless
from services.rulebook.question import ConsentKind


@dataclass(frozen=True, slots=True)
class PartyIn:
    """Only these parties are collected from."""

    allowed: tuple[Party, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The party of the proposal decides."""
        return unless(q.proposal.party in self.allowed, f"a {q.proposal.party} is not collected from")


@dataclass(frozen=True, slots=True)
class ContactPointSource:
    """Numbers and addresses are used only when they come from one of these sources."""

    allowed: tuple[str, ...]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A contact point of unknown source does not pass."""
        source = q.proposal.contact_source
        text = f"the source of the contact point is {source or 'not known'}"
        return unless(source in self.allowed, text)


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
        return unless(not stands, "the borrower asked not to be contacted")


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
        return unless(q.profile.status in self.allowed, f"the borrower is {q.profile.status}")


@dataclass(frozen=True, slots=True)
class NotVulnerable:
    """Borrowers known to be vulnerable are not contacted over the rule's channels."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The flag of the borrower decides."""
        return unless(not q.profile.vulnerable, "the borrower is known to be vulnerable")
