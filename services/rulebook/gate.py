"""The contact gate: may this contact be made? Every denial names each rule that forbids it, and when it could be else.

Fails closed: an unknown region, time zone or calendar denies with that reason. It never raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.values import Reason
from services.rulebook.kinds.asking import Finding, Question, earliest
from services.rulebook.local import DAY, day_start, zone_of
from services.rulebook.packs import Asked, Rule, Rulebook
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


Judged = tuple[Asked, Finding]
"""A rule in force, and what it said at one instant."""


@dataclass(frozen=True, slots=True)
class _Case:
    proposal: Proposal
    history: History
    profile: Profile
    rulebook: Rulebook
    zone: ZoneInfo

    def decided(self, at: datetime) -> Decision:
        local = at.astimezone(self.zone)
        question = self._question(at, local)
        judged = [(asked, asked.judge(question)) for asked in self.rulebook.asked(self.proposal, question.day)]
        failed = [(asked, finding) for asked, finding in judged if not finding.passes]
        blocking = [one for one in failed if not self._overridden(one[0])] if failed else failed
        return Decision(
            allowed=not blocking,
            reasons=tuple(self._reason(*one) for one in blocking or failed),
            rulebook=self.rulebook.label,
            local_time=local.isoformat(),
            time_zone=self.profile.time_zone,
            counters={asked.rule.id: finding.count for asked, finding in judged if finding.count is not None},
            retry_at=earliest(self._retry_at(blocking, at), self.rulebook.in_force_until) if blocking else None,
            expires_at=None if blocking else self._expires_at(judged, question),
        )

    def _question(self, at: datetime, local: datetime) -> Question:
        known = self.proposal, self.history, self.profile, self.zone, self.rulebook.calendars
        return Question(*known, at, local.date(), local.time())

    def _blocking(self, at: datetime) -> Sequence[Judged]:
        question = self._question(at, at.astimezone(self.zone))
        judged = ((asked, asked.judge(question)) for asked in self.rulebook.asked(self.proposal, question.day))
        return [one for one in judged if not one[1].passes and not self._overridden(one[0])]

    def _overridden(self, asked: Asked) -> bool:
        return asked.force == "SOFT" and bool(self.proposal.overrides.get(asked.rule.id))

    def _reason(self, asked: Asked, finding: Finding) -> Reason:
        rule, text = asked.rule, f"{asked.rule.text} ({finding.text})"
        if self._overridden(asked):
            text += f" Overridden: {self.proposal.overrides[rule.id]}"
        return Reason(rule_id=rule.id, clause=rule.clause, force=asked.force, text=text)

    def _retry_at(self, blocking: Sequence[Judged], at: datetime) -> datetime | None:
        """The earliest instant after `at` at which every rule passes; each names its own, the latest is tried next."""
        latest = at
        for _ in range(TRIES):
            if not blocking:
                return latest
            times = [earliest(finding.retry_at, _lifted(asked.rule, self.zone)) for asked, finding in blocking]
            following = max((time for time in times if time is not None), default=latest)
            if None in times or following <= latest or following - at > HORIZON:
                return None
            latest = following
            blocking = self._blocking(latest)
        return None

    def _expires_at(self, judged: Sequence[Judged], question: Question) -> datetime:
        """The first edge after which a rule may say otherwise; the end of the local day where no rule names one."""
        ends = self.proposal.until or question.tomorrow
        if self.rulebook.in_force_until is not None:
            ends = min(ends, self.rulebook.in_force_until)
        for _, finding in judged:
            if finding.ends_at is not None and finding.ends_at < ends:
                ends = finding.ends_at
        return ends


def _lifted(rule: Rule, zone: ZoneInfo) -> datetime | None:
    return None if rule.effective_to is None else day_start(rule.effective_to + DAY, zone)


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
