"""Reports are published once and restated when more is known; alarms stand until what is wrong is over."""

from datetime import timedelta

import pytest

from schemas.reports import AlarmCleared, AlarmRaised, ReportPublished, ReportRestated
from services.kit.bench import Bench
from services.reporting.api.asked import Desk
from services.reporting.app import Watcher, publish_days
from services.reporting.store import letters, said
from tests.reporting.log import Log, arrears, attributed, by_topic, day, overdue, paid, view, write

pytestmark = pytest.mark.stack


@pytest.fixture
def desk(bench: Bench):
    return Desk(bench.runtime, "Asia/Shanghai")


def test_each_day_that_has_ended_is_published_once(bench: Bench, desk: Desk):
    bench.clock.instant = day(2)
    log = Log()
    log.tell(overdue(owed=arrears("100.00", "0.00", "0.00")), day(0))
    write(bench, log.records)
    publish_days(desk)
    publish_days(desk)
    published = bench.said_of(ReportPublished)
    assert [fact.report for fact in published] == ["portfolio-2026-01-05", "portfolio-2026-01-06"]
    assert published[0].figures["at_risk"] == "100.00"
    assert published[0].laws_hold
    assert bench.said_of(ReportRestated) == []


def test_a_late_fact_restates_its_day_and_says_what_changed(bench: Bench, desk: Desk):
    bench.clock.instant = day(1)
    log = Log()
    log.tell(overdue("B1", owed=arrears("100.00", "0.00", "0.00")), day(0))
    late = log.tell(overdue("B2", owed=arrears("50.00", "0.00", "0.00")), day(0.1), recorded=day(1.1))
    write(bench, [r for r in log.records if r[0] is not late])
    publish_days(desk)
    bench.clock.instant = day(1.2)
    write(bench, [r for r in log.records if r[0] is late])
    publish_days(desk)
    (restated,) = bench.said_of(ReportRestated)
    assert "at_risk: 100.00 → 150.00" in restated.differences
    with bench.engine.connect() as db:
        kept = said.reports(db, view(day(2)), "portfolio-2026-01-05")
    assert [(r.restated, r.figures["at_risk"]) for r in kept] == [(True, "150.00"), (False, "100.00")]


def test_a_broken_law_raises_an_alarm_that_names_the_id_and_is_cleared_when_it_holds_again(bench: Bench, desk: Desk):
    log = Log()
    log.tell(paid(), day(1))
    log.tell(attributed(), day(1))
    bench.clock.instant = day(2)
    money, credit = log.records
    write(bench, [money])
    watcher = Watcher(desk)
    watcher.look()
    assert bench.said_of(AlarmRaised) == [], "what is seen once may only be late"
    watcher.look()
    watcher.look()
    (raised,) = bench.said_of(AlarmRaised)
    assert (raised.alarm_id, raised.kind) == ("law-payments", "law_broken")
    assert "X1" in raised.text
    write(bench, [credit])
    bench.clock.instant = day(2) + timedelta(seconds=30)
    watcher.look()
    assert [fact.alarm_id for fact in bench.said_of(AlarmCleared)] == ["law-payments"]
    with bench.engine.connect() as db:
        assert said.alarms(db, view(day(3))) == []
        assert len(said.alarms(db, view(day(3)), standing=False)) == 1


def test_dead_letters_raise_an_alarm(bench: Bench, desk: Desk):
    with bench.engine.begin() as db:
        letters.seen(db, {"visits": 2, "notifier": 1})
    watcher = Watcher(desk)
    watcher.look()
    watcher.look()
    assert [fact.kind for fact in bench.said_of(AlarmRaised)] == ["dead_letters"]


def test_a_report_said_back_and_forth_is_restated_each_time(bench: Bench, desk: Desk):
    bench.clock.instant = day(1)
    log = Log()
    log.tell(overdue("B1"), day(0))
    back = log.tell(paid("B1", left=arrears("1.00", "0.00", "0.00")), day(0.1), recorded=day(1.1))
    forth = log.tell(overdue("B1"), day(0.2), recorded=day(1.2))
    for event, at in ((log.records[0][0], 1.0), (back, 1.15), (forth, 1.25)):
        bench.clock.instant = day(at)
        write(bench, by_topic(r for r in log.records if r[0] is event))
        publish_days(desk)
    amounts = [f.figures["at_risk"] for f in (*bench.said_of(ReportPublished), *bench.said_of(ReportRestated))]
    assert amounts == ["1000.00", "1.00", "1000.00"]
