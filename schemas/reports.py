"""What reporting says: figures published, and alarms."""

from typing import Literal

from schemas.envelope import Fact
from schemas.topics import REPORTS
from schemas.values import Id, Instant, JsonObject, Text


class ReportFact(Fact):
    """A report, as known on a day, with the outcome of its conservation laws."""

    report: Id
    valid_on: Instant
    known_as_of: Instant
    figures: JsonObject
    laws_hold: bool


class ReportPublished(ReportFact, type="report.published.v1", topic=REPORTS):
    """A report was published for the first time."""


class ReportRestated(ReportFact, type="report.restated.v1", topic=REPORTS):
    """A report says something else than it said before, because more is known."""

    differences: tuple[Text, ...]


class AlarmFact(Fact):
    """Something that people must look at."""

    report: Id
    alarm_id: Id
    kind: Literal["law_broken", "sequence_gap", "wrongful_contact", "stale", "dead_letters"]
    text: Text


class AlarmRaised(AlarmFact, type="alarm.raised.v1", topic=REPORTS):
    """The alarm stands."""

    raised_at: Instant


class AlarmCleared(AlarmFact, type="alarm.cleared.v1", topic=REPORTS):
    """The alarm is over."""

    cleared_at: Instant
