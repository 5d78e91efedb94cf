"""A strategy: every number of the path from reminder to law that a risk committee may choose. Data, versioned, typed.

Nothing here is a rule of law; what law and house forbid stands in the packs and beats any strategy.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from schemas.cases import Arm, Segment
from schemas.values import Channel, Product, ReasonForDefault, Step
from services.rulebook.reading import BadPack, Document
from services.rulebook.shape import Mistake, Must

FOLDER = Path(__file__).parent / "strategies"

Count = Annotated[int, Must(lambda n: n >= 0, "must not be below 0")]
Many = Annotated[int, Must(lambda n: n >= 1, "must be 1 or more")]
Percent = Annotated[int, Must(lambda n: 0 <= n <= 100, "must be from 0 to 100")]
Score = Annotated[int, Must(lambda n: 0 <= n <= 1000, "must be from 0 to 1000")]
SOME = Must(bool, "must not be empty")
UP_TO_TWO = Must(lambda many: 1 <= len(many) <= 2, "must be one or two")
HardshipReason = Literal["unemployment", "illness", "business_failure", "family", "disaster", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """One step to the borrower. `channels` are tried in order, the next only after the one before failed, at most two.

    Due on the local day on which DPD reaches `days_past_due`, from `from_time` on, and not before `days_after_previous`
    days have passed since the step before went out. `copies` go out beside the first channel where a contact point is
    known. response_window_days: how long an answer is waited for after delivery (0: none is expected).

    segments, products, arms: for whom the step is (none named: for all). A step may stand there several times for
    different cases; the first entry that fits counts.
    """

    step: Step
    segments: tuple[Segment, ...] = ()
    products: tuple[Product, ...] = ()
    arms: tuple[Arm, ...] = ()
    days_past_due: Count
    days_after_previous: Count = 0
    from_time: time = time(0)
    channels: Annotated[tuple[Channel, ...], UP_TO_TWO]
    copies: tuple[Channel, ...] = ()
    response_window_days: Count = 0
    template: str

    def is_for(self, segment: str, arm: str, products: Collection[str]) -> bool:
        """Whether it is meant for a case; what is not known of the case ("") fits only a step that does not ask."""
        return (
            (not self.segments or segment in self.segments)
            and (not self.arms or arm in self.arms)
            and (not self.products or bool(set(self.products) & set(products)))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When a channel is used at all, on the borrower's own clock; what law forbids beyond that stands in the packs."""

    channel: Channel
    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps in order. No receipt within `receipt_timeout_hours` makes a contact unknown.

    answer_rest_days: after an answer the ladder rests so long, or until a hold that followed from it is released.
    pause_poll_minutes: how often a step that waits for a paused strategy looks again. hours: a channel that is not
    named is used at any hour.
    """

    steps: Annotated[tuple[LadderStep, ...], SOME]
    hours: tuple[Hours, ...] = ()
    receipt_timeout_hours: Many
    answer_rest_days: Count
    pause_poll_minutes: Many = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A promise is kept when `threshold_percent` of it is paid by its day plus `grace_days`.

    ahead_days_max: its day lies no further ahead; who needs longer asks for a plan. above_owed_percent: so much more
    than is owed may be promised, for what falls due until that day.
    """

    grace_days: Count
    threshold_percent: Percent
    broken_max: Many
    ahead_days_max: Annotated[int, Must(lambda n: 1 <= n <= 366, "must be from 1 to 366")] = 90
    above_owed_percent: Percent = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan is accepted by rule when instalments and arrears fit; `missed_max` missed instalments end it."""

    instalments_min: Many
    instalments_max: Many
    arrears_above: Decimal
    interval_days: Many
    first_after_days: Count
    grace_days: Count
    missed_max: Many


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardship:
    """When a declared hardship is reviewed, for which reasons relief is granted by rule, and for how long it rests."""

    review_after_days: Count
    granted_reasons: tuple[HardshipReason | ReasonForDefault, ...]
    vulnerable_granted: bool
    relief: Literal["pause", "restructure", "reduced_instalments"]
    relief_days: Many


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """When a dispute is resolved by rule, and one in how many is upheld (0: none, an officer decides otherwise)."""

    resolve_after_days: Count
    upheld_one_in: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """How long a complaint holds the case, its answer date, and when upheld ones suspend an agency."""

    hold_days: Count
    answer_days: Many
    upheld_max: Many
    per_visits: Many


@dataclass(frozen=True, slots=True, kw_only=True)
class Legal:
    """When the legal decision is taken by rule, and above which amount it is to go to law."""

    decide_after_days: Count
    amount_above: Decimal
    limitation_years: Many
    vulnerable_referred: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Declared weights of the choice among eligible agencies; each part is scored 0 to 100."""

    share_gap: Count
    recovery: Count
    conduct: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a case is entrusted, for how long, and how it comes back."""

    offer_days: Many
    offers_max: Many
    term_days: Many
    attest_days: Many
    attribution_days: Count
    weights: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a day in the borrower's local time."""

    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """How visits are planned. `lead_days`: from the placement (or the attempt before) to the first possible day."""

    attempts_max: Many
    days_between_attempts: Many
    lead_days: Count
    team_size: Many
    windows: Annotated[tuple[Window, ...], SOME]
    places: tuple[Literal["home", "work", "registered"], ...]
    documents: tuple[str, ...]
    feedback_hours: Many
    not_reported_hours: Many


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Points for a case of at least so many days past due; the last band that fits counts."""

    days_past_due: Count
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The scorecard: chance of cure without contact, 0 to 1000, in points; the segments; the arms of the experiment.

    score = base + band + product + per_broken_promise × broken + per_thousand_arrears × (arrears // 1000), clamped.
    self_cure at or above `self_cure_from`, high_risk below `high_risk_below`, vulnerable by the borrower's flag.
    """

    base: int
    bands: tuple[Band, ...]
    products: dict[Product, int]
    per_broken_promise: int
    per_thousand_arrears: int
    self_cure_from: Score
    high_risk_below: Score
    challenger_percent: Percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One strategy, whole. `label` is what facts name: name, version and a digest of the file's text."""

    name: str
    version: str
    ladder: Ladder
    promise: Promise
    plan: Plan
    hardship: Hardship
    dispute: Dispute
    complaint: Complaint
    legal: Legal
    placement: Placement
    visit: Visit
    scoring: Scoring
    digest: str = ""

    @property
    def label(self) -> str:
        """Name, version and digest, as facts and reports name the strategy."""
        return f"{self.name}-{self.version}@{self.digest}"


@cache
def load_strategy(name: str | Path = "default-v1") -> Strategy:
    """Read a strategy by its name or its file. Raises BadPack with every mistake and its line."""
    path = name if isinstance(name, Path) else FOLDER / f"{name}.toml"
    document = Document(path)
    strategy = document.into(Strategy, document.data | {"digest": document.digest})
    problems = [document.problem(loc, what) for loc, what in _contradictions(strategy)]
    if problems:
        raise BadPack(problems)
    return strategy


def _contradictions(strategy: Strategy) -> list[Mistake]:
    """What no single field shows: steps that come twice, windows that end before they start, recovery alone."""
    plan = strategy.plan
    found = list(_ladder_contradictions(strategy.ladder))
    found += [
        (("visit", "windows", n), f"ends at {w.end:%H:%M}, before it starts")
        for n, w in enumerate(strategy.visit.windows)
        if w.end <= w.start
    ]
    if plan.instalments_max < plan.instalments_min:
        found.append((("plan", "instalments_max"), "is below instalments_min"))
    if not strategy.placement.weights.conduct:
        found.append((("placement", "weights", "conduct"), "is 0: recovery is never the only measure (rule CN-AG-04)"))
    return found


def _ladder_contradictions(ladder: Ladder) -> Iterator[Mistake]:
    for n, step in enumerate(ladder.steps):
        loc = ("ladder", "steps", n)
        for other in (earlier for earlier in ladder.steps[:n] if earlier.step == step.step):
            if _whom(other) in (_whom(step), ((), (), ())):
                yield (*loc, "step"), f"{step.step} comes twice"
            elif other.template == step.template and other.response_window_days != step.response_window_days:
                yield (*loc, "template"), f"{step.template} would name two response windows"
    for n, hours in enumerate(ladder.hours):
        if hours.end <= hours.start:
            yield ("ladder", "hours", n), f"ends at {hours.end:%H:%M}, before it starts"
        if hours.channel in (each.channel for each in ladder.hours[:n]):
            yield ("ladder", "hours", n, "channel"), f"{hours.channel} comes twice"


def _whom(step: LadderStep) -> tuple[tuple[str, ...], ...]:
    return step.segments, step.arms, step.products
