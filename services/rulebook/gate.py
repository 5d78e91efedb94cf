"""The contact gate: may this contact be made? Every denial names each rule that forbids it, and when it could be else.

Fails closed: an unknown region, time zone or calendar denies with that reason. It never raises.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from schemas.values import Reason
from services.rulebook.kinds.asking import PASSES, Finding, Question, earliest
from services.rulebook.local import DAY, day_start, zone_of
from services.rulebook.packs import Force, Rule, Rulebook
from services.rulebook.question import Decision, History, Profile, Proposal

NO_RULEBOOK = "none"
HORIZON = timedelta(days=400)
"""Beyond it no `retry_at` is looked for: facts will have changed."""

TRIES = 100


def decide(
    proposal: Proposal, history: History, profile: Profile | None, rulebook: Rulebook | None, now: datetime
) -> Decision:
    """Decide a contact that is to be made at `proposal.at`, or now where that has passed."""
    at = max(proposal.at, now)
    unknown = _unknown(profile, rulebook)
    if unknown is not None or profile is None or rulebook is None:
        return _closed(unknown, profile, rulebook, at)
    if proposal.until is not None and at >= proposal.until:
        gone = _reason("GATE-WINDOW", "the time proposed for it has passed")
        return _closed(gone, profile, rulebook, at)
    return _Case(proposal, history, profile, rulebook, _zone(profile)).decided(at)


@dataclass(frozen=True, slots=True)
class _Against:
    """One rule that does not pass at an instant; `place` is its place in the pack."""

    place: int
    rule: Rule
    force: Force
    finding: Finding


@dataclass(slots=True)
class _Case:
    proposal: Proposal
    history: History
    profile: Profile
    rulebook: Rulebook
    zone: ZoneInfo

    def decided(self, at: datetime) -> Decision:
        local = at.astimezone(self.zone)
        counters: dict[str, int] = {}
        against, ends = self._judged(at, local, counters)
        blocking = [one for one in against if not self._overridden(one)] if against else against
        return Decision(
            allowed=not blocking,
            reasons=tuple(self._reason(one) for one in blocking or against) if against else (),
            rulebook=self.rulebook.label,
            local_time=local.isoformat(),
            time_zone=self.profile.time_zone,
            counters=counters,
            retry_at=earliest(self._retry_at(blocking, at), self.rulebook.in_force_until) if blocking else None,
            expires_at=None if blocking else ends,
        )

    def _judged(self, at: datetime, local: datetime, counters: dict[str, int]) -> tuple[list[_Against], datetime]:
        """The rules against it in the pack's order, and the first edge after which one may say otherwise.

        `counters` takes what each rule counted. No permit outlives the borrower's day, or the version in force.
        """
        day, proposal, book = local.date(), self.proposal, self.rulebook
        ends = tomorrow = day_start(day + DAY, self.zone)
        question = Question(
            proposal, self.history, self.profile, self.zone, book.calendars, at, day, local.time(), tomorrow
        )
        against: list[_Against] = []
        for asked in book.asked(proposal, day):
            finding = asked.judge(question)
            if finding is PASSES:
                continue
            if finding.count is not None:
                for _, rule, _ in asked.rules:
                    counters[rule.id] = finding.count
            if not finding.passes:
                against += [_Against(place, rule, force, finding) for place, rule, force in asked.rules]
            elif finding.ends_at is not None and finding.ends_at < ends:
                ends = finding.ends_at
        if len(against) > 1:
            against.sort(key=attrgetter("place"))
        return against, earliest(ends, proposal.until, book.in_force_until) or ends

    def _blocking(self, at: datetime) -> Sequence[_Against]:
        against, _ = self._judged(at, at.astimezone(self.zone), {})
        return [one for one in against if not self._overridden(one)]

    def _overridden(self, one: _Against) -> bool:
        return one.force == "SOFT" and bool(self.proposal.overrides.get(one.rule.id))

    def _reason(self, one: _Against) -> Reason:
        rule, text = one.rule, f"{one.rule.text} ({one.finding.text})"
        if self._overridden(one):
            text += f" Overridden: {self.proposal.overrides[rule.id]}"
        return Reason(rule_id=rule.id, clause=rule.clause, force=one.force, text=text)

    def _retry_at(self, blocking: Sequence[_Against], at: datetime) -> datetime | None:
        """The earliest instant after `at` at which every rule passes; each names its own, the latest is tried next."""
        latest = at
        for _ in range(TRIES):
            if not blocking:
                return latest
            times = [earliest(one.finding.retry_at, *self._lifted(one)) for one in blocking]
            following = max((time for time in times if time is not None), default=latest)
            if None in times or following <= latest or following - at > HORIZON:
                return None
            latest = following
            blocking = self._blocking(latest)
        return None

    def _lifted(self, one: _Against) -> Iterator[datetime]:
        """When the rule ends; and when the house's early policy becomes the SOFT rule that was overridden."""
        rule = one.rule
        if rule.effective_to is not None:
            yield day_start(rule.effective_to + DAY, self.zone)
        if (one.force, rule.force) == ("POLICY", "SOFT") and self.proposal.overrides.get(rule.id):
            yield day_start(rule.effective_from, self.zone)


def _zone(profile: Profile) -> ZoneInfo:
    zone = zone_of(profile.time_zone)
    assert zone is not None  # asked before by _unknown
    return zone


def _unknown(profile: Profile | None, rulebook: Rulebook | None) -> Reason | None:
    """What is not known and must be before any rule can be asked."""
    if profile is None or not profile.time_zone:
        return _reason("GATE-TIME-ZONE", "no time zone known")
    if rulebook is None or profile.region.partition("-")[0] != rulebook.country:
        return _reason("GATE-REGION", f"no rule book in force for the region {profile.region}")
    if profile.region not in rulebook.regions:
        return _reason("GATE-REGION", f"the region {profile.region} is not known")
    if zone_of(profile.time_zone) is None:
        return _reason("GATE-TIME-ZONE", f"the time zone {profile.time_zone} is not known")
    return None


def _reason(rule_id: str, text: str) -> Reason:
    return Reason(rule_id=rule_id, clause="the gate fails closed", force="HARD", text=text)


def _closed(reason: Reason | None, profile: Profile | None, rulebook: Rulebook | None, at: datetime) -> Decision:
    zone = zone_of(profile.time_zone) if profile else None
    return Decision(
        allowed=False,
        reasons=(reason,) if reason else (),
        rulebook=rulebook.label if rulebook else NO_RULEBOOK,
        local_time=at.astimezone(zone).isoformat() if zone else "",
        time_zone=profile.time_zone if profile else "",
        counters={},
    )
