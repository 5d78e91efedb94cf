"""The timeline of any id: every fact that names it, in order, page by page, with the chain of causes."""

import pytest

from services.kit.bench import Bench
from services.reporting.store.timeline import timeline
from tests.reporting.log import LATER, Log, allowed, by_topic, day, opened, overdue, sent, view, write
from tests.reporting.town import Town

pytestmark = pytest.mark.stack


def types(bench, id_, **more):
    with bench.engine.connect() as db:
        return [entry.type for entry in timeline(db, view(LATER), id_, **more)]


@pytest.fixture
def story(bench: Bench):
    log = Log()
    cause = log.tell(overdue(), day(0))
    log.tell(opened(), day(0.01), cause)
    permit = log.tell(allowed(), day(0.02), cause)
    log.tell(sent(), day(0.03), permit)
    log.tell(overdue("B2"), day(0.04))
    write(bench, by_topic(log.records))
    return cause


def test_a_loan_a_borrower_a_case_and_a_notice_each_have_their_facts_in_order(bench: Bench, story):
    told = ["loan.overdue.v1", "case.opened.v1", "contact.allowed.v1", "notice.sent.v1"]
    assert types(bench, "B1") == types(bench, "L-B1") == told
    assert types(bench, "C-B1-1") == ["case.opened.v1"]
    assert types(bench, "N-B1-1") == ["contact.allowed.v1", "notice.sent.v1"]


def test_an_event_shows_the_chain_it_began(bench: Bench, story):
    assert types(bench, story.id) == ["loan.overdue.v1", "case.opened.v1", "contact.allowed.v1", "notice.sent.v1"]


def test_an_id_that_nobody_named_has_no_facts(bench: Bench, story):
    assert types(bench, "B-unheard-of") == []


def test_pages_join_without_gap_or_overlap(bench: Bench):
    write(bench, by_topic(Town(seed=2).log(12).records))
    with bench.engine.connect() as db:
        whole = timeline(db, view(LATER), "B00003", most=1000)
        pages, cursor = [], ""
        while page := timeline(db, view(LATER), "B00003", cursor, most=7):
            pages += page
            cursor = page[-1].cursor
    assert pages == whole
    assert len(whole) > 14
