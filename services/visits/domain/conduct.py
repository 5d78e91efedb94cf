"""Is the account of a visit plausible, and was the conduct as it must be? Each doubt is a flag that people look at."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import TypeAlias

from schemas.agencies import Evidence, VisitReported
from schemas.values import Reason
from services.visits.domain.evidence import missing_from

Point: TypeAlias = tuple[float, float]
"""Latitude and longitude."""

EARTH_METRES = 6_371_000.0  # mean radius, IUGG
NEAR_METRES = 300.0  # a housing estate, and what a phone errs by between tall buildings
SHORT = timedelta(minutes=2)  # less is no conversation
LONG = timedelta(hours=3)  # more is no conversation either
ARRIVAL_DRIFT = timedelta(minutes=30)  # between the word go and the arrival reported
CLOCK_DRIFT = timedelta(minutes=10)  # a phone's clock ahead of ours
EVIDENCE_MARGIN = timedelta(hours=1)  # evidence is taken around the visit, not on another day


def flags(
    report: VisitReported, told_go_at: datetime, *, met: bool, feedback: timedelta, at: datetime, metres: float | None
) -> tuple[Reason, ...]:
    """Every doubt about a report. `at`: when it came; `metres`: how far the evidence was from the address, if known."""
    found = (
        *_conduct(report, met=met),
        *_times(report, told_go_at, met=met, at=at),
        *_evidence(report.evidence, report, met=met),
        *_delay(report, feedback, at),
        *_far(metres),
    )
    return tuple(
        Reason(rule_id=rule, force="POLICY" if rule.startswith("HOUSE") else "HARD", text=text) for rule, text in found
    )


def _conduct(report: VisitReported, *, met: bool) -> Iterator[tuple[str, str]]:
    conduct = report.conduct
    if met and not conduct.identity_shown:
        yield "CN-VIS-02", "The visitors did not show who they are."
    if conduct.entered and not conduct.consent_to_enter:
        yield "CN-VIS-04", "The visitors entered without consent."
    if met and conduct.recording_started_at is None:
        yield "CN-VIS-03", "There is no recording."
    elif conduct.recording_started_at and conduct.recording_started_at > report.arrived_at:
        yield "CN-VIS-03", "The recording began after the arrival."


def _times(report: VisitReported, told_go_at: datetime, *, met: bool, at: datetime) -> Iterator[tuple[str, str]]:
    if abs(report.arrived_at - told_go_at) > ARRIVAL_DRIFT:
        yield "HOUSE-VIS-ARRIVAL", "The reported arrival is far from when the team was told go."
    if met and report.ended_at - report.arrived_at < SHORT:
        yield "HOUSE-VIS-SHORT", "The visit was too short for a conversation."
    if report.ended_at - report.arrived_at > LONG:
        yield "HOUSE-VIS-LONG", "The visit was implausibly long."
    if report.ended_at > at + CLOCK_DRIFT:
        yield "HOUSE-VIS-CLOCK", "The visit is reported to have ended in the future."


def _evidence(evidence: Sequence[Evidence], report: VisitReported, *, met: bool) -> Iterator[tuple[str, str]]:
    if missing := missing_from(evidence, met=met):
        yield "HOUSE-VIS-EVIDENCE", f"Evidence is missing: {', '.join(missing)}."
    if len({item.digest for item in evidence}) < len(evidence):
        yield "HOUSE-VIS-REPEATED", "The same file was handed in twice."
    first, last = report.arrived_at - EVIDENCE_MARGIN, report.ended_at + EVIDENCE_MARGIN
    if any(not first <= item.taken_at <= last for item in evidence):
        yield "HOUSE-VIS-TAKEN", "Evidence was taken at another time than the visit."


def _delay(report: VisitReported, feedback: timedelta, at: datetime) -> Iterator[tuple[str, str]]:
    if not on_time(report.ended_at, feedback, at):
        yield "HOUSE-VIS-FEEDBACK", "The result came later than agreed."


def _far(metres: float | None) -> Iterator[tuple[str, str]]:
    if metres is not None and metres > NEAR_METRES:
        yield "HOUSE-VIS-PLACE", "The evidence was taken away from the address."


def on_time(ended_at: datetime, feedback: timedelta, at: datetime) -> bool:
    """Whether a result came within the feedback deadline."""
    return at <= ended_at + feedback


def point_of(latitude: str | float | None, longitude: str | float | None) -> Point | None:
    """A place on earth in WGS-84 degrees; None for what is none: not told, no number, not finite, out of range."""
    try:
        north, east = float(latitude or "0"), float(longitude or "0")
    except ValueError:
        return None
    told = latitude not in (None, "") and longitude not in (None, "")
    on_earth = -90 <= north <= 90 and -180 <= east <= 180  # false also for what is no number
    return (north, east) if told and on_earth else None


def distance_metres(one: Point, other: Point) -> float:
    """Great-circle distance of two points in WGS-84 degrees (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((radians(lat), radians(lon)) for lat, lon in (one, other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(half)))


def farthest_metres(evidence: Sequence[Evidence], place: Point | None) -> float | None:
    """How far from the address the farthest evidence was taken; None where either is not known."""
    points = [point for e in evidence if (point := point_of(e.latitude, e.longitude))]
    return max((distance_metres(place, point) for point in points), default=None) if place else None


def in_order(points: Sequence[Point | None]) -> list[int]:
    """An order to drive: from the first, always the nearest next; those whose place is not known come last."""
    left = {n: point for n, point in enumerate(points) if point is not None}
    order: list[int] = []
    while left:
        order.append(_nearest(points[order[-1]] if order else None, left))
        del left[order[-1]]
    return order + [n for n in range(len(points)) if n not in order]


def _nearest(here: Point | None, points: Mapping[int, Point]) -> int:
    return min(points, key=lambda n: distance_metres(here, points[n]) if here else n)
