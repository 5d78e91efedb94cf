"""Figures are a function of facts: what was read first, or read again, or known when, decides nothing else."""

import json
import random
from dataclasses import asdict
from datetime import timedelta

import pytest

from services.kit.bench import Bench
from services.reporting.api.figures import plain
from services.reporting.domain.summary import flows
from services.reporting.store import agencies, ladder, laws, portfolio, promises, summary, visits
from services.reporting.store.daily import daily
from tests.reporting.conftest import empty
from tests.reporting.log import LATER, START, Log, arrears, by_topic, day, overdue, paid, view, write
from tests.reporting.town import Town

pytestmark = pytest.mark.stack
ZONE = "Asia/Shanghai"


def everything(bench, at=LATER):
    """Every figure as canonical text."""
    v = view(at)
    with bench.engine.connect() as db:
        figures = {
            "summary": summary.summary(db, v, 0).as_json(),
            "laws": laws.laws(db, v),
            "portfolio": portfolio.portfolio(db, v, ZONE),
            "risk": portfolio.at_risk(db, v, ZONE, 90, "CNY"),
            "moves": portfolio.moves(db, v, ZONE, at - timedelta(days=7)),
            "steps": ladder.steps(db, v),
            "funnel": ladder.funnel(db, v),
            "flows": flows(laws.courses(db, v)),
            "denials": ladder.denials(db, v),
            "agencies": agencies.agencies(db, v),
            "promises": promises.promises(db, v),
            "visits": visits.endings(db, v),
            "daily": daily(db, v, ZONE, at - timedelta(days=1)),
        }
    return json.dumps(plain(figures), sort_keys=True)


def shuffled(records, seed):
    """The same records, every partition in its own order, but partitions interleaved anyhow."""
    lanes: dict[tuple[str, int], list] = {}
    for record in by_topic(records):
        lanes.setdefault((record[1].topic, record[1].partition), []).append(record)
    pick, order = random.Random(seed), []
    while lanes:
        lane = pick.choice(sorted(lanes))
        take = pick.randrange(1, 40)
        order += lanes[lane][:take]
        lanes[lane] = lanes[lane][take:]
        if not lanes[lane]:
            del lanes[lane]
    return order


def test_figures_do_not_depend_on_the_order_in_which_topics_were_read(bench: Bench):
    town = Town(seed=11).log(40)
    write(bench, by_topic(town.records))
    first = everything(bench)
    for seed in (1, 2, 3):
        empty(bench.engine)
        write(bench, shuffled(town.records, seed))
        assert everything(bench) == first


def test_a_figure_of_a_past_day_stays_what_it_was_known_as(bench: Bench):
    town = Town(seed=5).log(40)
    then = day(20)
    early = [r for r in town.records if r[1].recorded <= then]
    write(bench, by_topic(early))
    before = everything(bench, then)
    write(bench, by_topic(r for r in town.records if r[1].recorded > then))
    assert everything(bench, then) == before
    assert everything(bench, day(60)) != before


def test_what_comes_late_changes_the_day_it_belongs_to_but_not_what_was_known_of_it(bench: Bench):
    log = Log()
    log.tell(overdue("B1", owed=arrears("100.00", "0.00", "0.00")), day(0))
    log.tell(overdue("B2", owed=arrears("50.00", "0.00", "0.00")), day(0), recorded=day(5))
    write(bench, by_topic(log.records))
    end_of_day = day(0.5)
    with bench.engine.connect() as db:
        known_then = portfolio.portfolio(db, _as_of(end_of_day, known=day(1)), ZONE)
        known_now = portfolio.portfolio(db, _as_of(end_of_day, known=day(9)), ZONE)
    assert (str(known_then.at_risk), str(known_now.at_risk)) == ("100.00", "150.00")


def _as_of(of, known):
    return type(view(of))(known, of, known, timedelta(seconds=1), 1.0)


def test_money_at_risk_by_day_follows_every_loan_through_the_buckets(bench: Bench):
    """Against a walk over the days, loan by loan."""
    log, today = Log(), START.date()
    log.tell(overdue("B1", days=29, on=today, owed=arrears("100.00", "0.00", "0.00")), day(0))
    log.tell(overdue("B2", days=1, on=today, owed=arrears("10.00", "0.00", "0.00")), day(0))
    log.tell(paid("B2", amount="4.00", left=arrears("6.00", "0.00", "0.00"), days=2), day(1))
    log.tell(paid("B2", payment="X2", amount="6.00"), day(3))
    write(bench, by_topic(log.records))
    with bench.engine.connect() as db:
        series = portfolio.at_risk(db, view(day(4)), ZONE, 30, "CNY")
    assert [(d.by_bucket["M1"], d.by_bucket["M2"]) for d in series] == [
        (110, 0), (106, 0), (6, 100), (0, 100), (0, 100),
    ]  # fmt: skip
    assert [d.day for d in series] == [today + timedelta(days=n) for n in range(5)]


def test_roll_rates_follow_the_very_loans_and_sum_to_one(bench: Bench):
    log, today = Log(), START.date()
    for name, days in (("B1", 28), ("B2", 1), ("B3", 1)):
        log.tell(overdue(name, days=days, on=today), day(0))
    log.tell(paid("B3"), day(2))
    write(bench, by_topic(log.records))
    with bench.engine.connect() as db:
        moves = portfolio.moves(db, view(day(7)), ZONE, day(0.5))
    assert {(m.before, m.after): m.loans for m in moves} == {("M1", "M0"): 1, ("M1", "M1"): 1, ("M1", "M2"): 1}
    assert asdict(moves[0])["before"] == "M1"
