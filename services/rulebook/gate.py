"""The contact gate: may this contact be made? Every denial names each rule that forbids it, and when it could be else.

Fails closed: an unknown region, time zone or calendar denies with that reason. It never raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.values import Reason
from services.rulebook.kinds import Finding, Question
from services.rulebook.local import DAY, day_start, local_day, zone_of
from services.rulebook.packs import Force, Rule, Rulebook
from services.rulebook.question import Decision, History, Profile, Proposal

NO_RULEBOOK = "none"
HORIZON = timedelta(days=400)
"""Beyond it no `retry_at` is looked for: facts will have changed."""

TRIES = 100


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one rule in force said at one instant."""

    rule: Rule
    force: Force
    finding: Finding
    lifts_at: datetime | None

    def blocks(self, proposal: Proposal) -> bool:
        return not self.finding.passes and not self.overridden(proposal)

    def overridden(self, proposal: Proposal) -> bool:
        return not self.finding.passes and self.force == "SOFT" and bool(proposal.overrides.get(self.rule.id))

    def reason(self, proposal: Proposal) -> Reason:
        why = proposal.overrides.get(self.rule.id, "")
        text = f"{self.rule.text} ({self.finding.text})" + (f" Overridden: {why}" if self.overridden(proposal) else "")
        return Reason(rule_id=self.rule.id, clause=self.rule.clause, force=self.force, text=text)


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
    return _decided(_Asked(proposal, history, profile, rulebook, _zone(profile)), at)


@dataclass(frozen=True, slots=True)
class _Asked:
    proposal: Proposal
    history: History
    profile: Profile
    rulebook: Rulebook
    zone: ZoneInfo

    def judge(self, at: datetime) -> list[_Judged]:
        day, book = local_day(at, self.zone), self.rulebook
        return [
            _Judged(rule, force, self._finding(rule, at), _lifted(rule, self.zone))
            for rule in book.rules
            if rule.concerns(self.proposal.channel) and (force := rule.force_on(day)) is not None
        ]

    def _finding(self, rule: Rule, at: datetime) -> Finding:
        question = Question(
            self.proposal, self.history, self.profile, self.zone, self.rulebook.calendars, at, rule.channels
        )
        finding: Finding = rule.parameters.judge(question)
        return finding


def _decided(asked: _Asked, at: datetime) -> Decision:
    judged = asked.judge(at)
    blocking = [j for j in judged if j.blocks(asked.proposal)]
    spoken = blocking or [j for j in judged if j.overridden(asked.proposal)]
    return Decision(
        allowed=not blocking,
        reasons=tuple(j.reason(asked.proposal) for j in spoken),
        rulebook=asked.rulebook.label,
        local_time=at.astimezone(asked.zone).isoformat(),
        time_zone=asked.profile.time_zone,
        counters={j.rule.id: j.finding.count for j in judged if j.finding.count is not None},
        retry_at=_retry_at(asked, blocking, at) if blocking else None,
        expires_at=None if blocking else _expires_at(asked, judged, at),
    )


def _retry_at(asked: _Asked, blocking: Sequence[_Judged], at: datetime) -> datetime | None:
    """The earliest instant after `at` at which every rule passes; each rule names its own, the latest is tried next."""
    latest = at
    for _ in range(TRIES):
        if not blocking:
            return latest
        times = [_earlier(j.finding.retry_at, j.lifts_at) for j in blocking]
        if any(time is None for time in times):
            return None
        following = max(time for time in times if time is not None)
        if following <= latest or following - at > HORIZON:
            return None
        latest = following
        blocking = [j for j in asked.judge(latest) if j.blocks(asked.proposal)]
    return None


def _expires_at(asked: _Asked, judged: Sequence[_Judged], at: datetime) -> datetime:
    """The first edge after which a rule may say otherwise; the end of the local day where no rule names one."""
    ends = [j.finding.ends_at for j in judged if j.finding.ends_at is not None]
    until = asked.proposal.until or day_start(local_day(at, asked.zone) + DAY, asked.zone)
    return min([until, *ends])


def _lifted(rule: Rule, zone: ZoneInfo) -> datetime | None:
    return None if rule.effective_to is None else day_start(rule.effective_to + DAY, zone)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((time for time in (one, other) if time is not None), default=None)


def _zone(profile: Profile) -> ZoneInfo:
    zone = zone_of(profile.time_zone)
    assert zone is not None  # asked before by _unknown
    return zone


def _unknown(profile: Profile | None, rulebook: Rulebook | None) -> Reason | None:
    """What is not known and must be before any rule can be asked."""
    if profile is None or not profile.time_zone:
        return _reason("GATE-TIME-ZONE", "no time zone known")
    if rulebook is None or profile.region.partition("-")[0] != rulebook.country:
        return _reason("GATE-REGION", f"no rule book for the region {profile.region}")
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
