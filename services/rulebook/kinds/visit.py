"""Rules about visits and recordings."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from services.rulebook.kinds.asking import AT_LEAST_ONE, PASSES, Finding, Question, unless, while_consented
from services.rulebook.question import ConsentKind


@dataclass(frozen=True, slots=True)
class Staffing:
    """At least so many different people go."""

    minimum: Annotated[int, AT_LEAST_ONE]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Nobody counts twice."""
        people = len(set(q.proposal.team))
        return unless(people >= self.minimum, f"{people} of at least {self.minimum} people")


@dataclass(frozen=True, slots=True)
class Recording:
    """The whole visit is recorded, in sound and picture; a call in sound."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The proposal says whether it will be."""
        return unless(q.proposal.recording, "no recording is planned")


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
            return while_consented(q, self.with_consent[place], f"no consent to a visit at the place: {place}")
        return unless(place in self.allowed, f"the place is {place}")


@dataclass(frozen=True, slots=True)
class PlaceWithConsent:
    """To each of these places only with the borrower's consent of that kind; of other places it says nothing."""

    places: dict[str, ConsentKind]
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """A place that is not known may be any of them."""
        place = q.proposal.place
        if place is None:
            return Finding(False, "the place is not known")
        if place not in self.places:
            return PASSES
        return while_consented(q, self.places[place], f"no consent to a visit at the place: {place}")


@dataclass(frozen=True, slots=True)
class ProvedNotice:
    """A notice is proved to have arrived, its response window is over, and it is not older than `days_max`."""

    days_max: Annotated[int, AT_LEAST_ONE]
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
