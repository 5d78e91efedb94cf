"""The ladder against a brute-force clock: no step is skipped, doubled, early or late under any payments."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.bank import LoanPaymentReversed
from schemas.contacts import ContactAllowed, NoticeSent, NoticeUnanswered
from tests.notifier.ladder_story import BORROWER, LOAN, MORNING, Story, day_of, known, money, shanghai

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Oracle:
    """The choreography's table, read once an hour and in the plainest way."""

    def __init__(self):
        self.since, self.went, self.sent, self.unanswered = None, {}, [], []

    def look(self, now):
        if self.since is None:
            return
        step = next((each for each in ("reminder", "notice", "letter") if each not in self.went), None)
        if step and 8 <= (now + 8 * HOUR).hour < 22 and now >= self._due(step):
            self.went[step] = now
            self.sent.append((step, now))
        if "letter" in self.went and "over" not in self.went and now >= self.went["letter"] + 5 * DAY:
            self.went["over"] = now
            self.unanswered.append(now)

    def _due(self, step):
        """Days past due, the step before, and on the day it falls due not before nine."""
        if step == "reminder":
            return shanghai(self.since + DAY)
        if step == "notice":
            due = max(shanghai(self.since + 4 * DAY), self.went["reminder"] + 2 * DAY)
        else:
            due = max(shanghai(self.since + 10 * DAY), self.went["notice"] + 5 * DAY)
        return max(due, shanghai(day_of(due), 9))

    def cured(self):
        self.since, self.went = None, {}


hours = st.integers(0, 20 * 24)
partial = st.tuples(st.just("pays"), hours, st.integers(1, 15), st.integers(0, 6))
reversal = st.tuples(st.just("reversed"), hours, st.integers(1, 20), st.integers(0, 6))
daily = st.tuples(st.just("daily"), hours, st.just(0), st.just(0))
cure = st.tuples(st.just("cured"), hours, st.just(0), st.just(0))
again = st.tuples(st.just("overdue"), hours, st.integers(1, 12), st.just(0))

anything = st.one_of(partial, partial, reversal, daily, cure, again)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 23), st.lists(anything, max_size=7, unique_by=lambda event: event[1]))
@example(10, [("pays", 9 * 24, 1, 5)])
@example(10, [("pays", 24 * 9 + 23, 3, 0), ("reversed", 24 * 11, 12, 4)])
@example(3, [("cured", 100, 0, 0), ("overdue", 130, 9, 0)])
def test_no_step_is_skipped_doubled_early_or_late(start_hour, events):
    start = shanghai(day_of(MORNING), start_hour)
    story, oracle = Story(start=start).say(known()), Oracle()
    story.overdue(1)
    oracle.since = story.today - DAY
    story.carry()
    oracle.look(story.now)
    left = 1000
    for event in sorted(events, key=lambda event: event[1]):
        while story.now < start + event[1] * HOUR:
            tell_time(story, oracle)
        left -= 7
        happen(story, oracle, event, money(f"{left}.00", "1.00", "0.00"))
        story.carry()
        oracle.look(story.now)
    for _ in range(18 * 24):
        tell_time(story, oracle)
    went = [(n.step, n.submitted_at) for n in story.said(NoticeSent) if n.channel != "email"]
    assert went == oracle.sent
    assert [u.window_ended_at for u in story.said(NoticeUnanswered)] == oracle.unanswered
    assert {n.notice_id for n in story.said(NoticeSent)} <= {a.contact_id for a in story.said(ContactAllowed)}


def tell_time(story, oracle):
    story.bus.advance(HOUR)
    story.carry()
    oracle.look(story.now)


def happen(story, oracle, event, arrears):
    """One fact of the bank; it counts days past due on the day on which it posts."""
    kind, _, number, back = event
    if kind in ("pays", "reversed") and oracle.since is not None:
        value_date = story.today - back * DAY
        if kind == "pays":
            story.pays(left=arrears, dpd=number, value_date=value_date)
        else:
            story.say(
                LoanPaymentReversed(
                    payment_id=f"R-{story.now.isoformat()}",
                    loan_id=LOAN,
                    borrower_id=BORROWER,
                    currency="CNY",
                    amount=Decimal("10"),
                    value_date=value_date,
                    arrears_after=arrears,
                    days_past_due_after=number,
                    reason="bounced",
                )
            )
        oracle.since = story.today - number * DAY
    elif kind == "daily" and oracle.since is not None and story.today > oracle.since:
        story.overdue((story.today - oracle.since).days, arrears=arrears)
    elif kind == "cured" and oracle.since is not None:
        story.cured()
        oracle.cured()
    elif kind == "overdue" and oracle.since is None:
        story.overdue(number, arrears=arrears)
        oracle.since = story.today - number * DAY
