"""Whatever happens, in whatever order: one open case, one pending placement, and every stop stops at once."""

import contextlib
from datetime import timedelta

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.cases import (
    CaseClosed,
    CaseOpened,
    CaseReopened,
    HoldPlaced,
    HoldReleased,
    PlacementActivated,
    PlacementEnded,
    PlacementOffered,
    PlacementRecalled,
    PlacementRefused,
    PlanAccepted,
    PlanCancelled,
    PlanCompleted,
    PlanDefaulted,
)
from services.assignment import handlers_commands as commands
from services.assignment.domain.onward import next_at
from services.assignment.domain.state import State
from services.kit.service import Refused
from tests.assignment.story import Story, money

LOANS = st.sampled_from(["l1", "l2"])
STOPS = ("disputes", "hardship", "wants_no_contact", "complains", "dies", "is_paused")
DISPOSITIONS = st.sampled_from(["refused", "not_home", "incident", "paid_part", "plan_agreed", "promise", "moved"])


class Collection(RuleBasedStateMachine):
    """One borrower's life with assignment."""

    @initialize(vulnerable=st.booleans())
    def begin(self, vulnerable):
        self.story = Story().recorded(vulnerable=vulnerable)
        self.payments = []

    @property
    def placement(self):
        return self.story.state.placement

    @rule(total=st.integers(1, 9000), loan_id=LOANS, dpd=st.integers(1, 120))
    def overdue(self, total, loan_id, dpd):
        self.story.overdue(total, loan_id=loan_id, dpd=dpd)

    @rule(share=st.sampled_from(["0.3", "1", "1"]), loan_id=LOANS)
    def pays(self, share, loan_id):
        owed = self.story.owed.get(loan_id, money(0))
        if owed > 0:
            amount = max(money("0.01"), money(owed * money(share)))
            self.payments.append((self.story.pays(amount, loan_id=loan_id), amount, loan_id))

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def takes_back(self, data):
        payment, amount, loan_id = data.draw(st.sampled_from(self.payments))
        self.payments.remove((payment, amount, loan_id))
        self.story.takes_back(payment, amount, loan_id=loan_id)

    @rule(loan_id=LOANS)
    def cured(self, loan_id):
        self.story.owed[loan_id] = money(0)
        self.story.cured(loan_id)

    @rule()
    def silent(self):
        self.story.silent(loan_ids=("l1", "l2"))

    @precondition(lambda self: self.placement and self.placement.state == "offered")
    @rule(accepts=st.booleans())
    def agency_answers(self, accepts):
        _ = self.story.accepts() if accepts else self.story.declines()

    @precondition(lambda self: self.placement and self.placement.state == "active")
    @rule(disposition=DISPOSITIONS)
    def visit(self, disposition):
        more = {"promise": {"promised_on": self.story.today, "promised_amount": money(10), "currency": "CNY"}}
        self.story.goes().visited(disposition, **more.get(disposition, {}))

    @precondition(lambda self: self.placement and self.placement.state == "active")
    @rule()
    def gives_up(self):
        self.story.exhausted()

    @rule(amount=st.integers(1, 3000), in_days=st.integers(0, 9))
    def promises(self, amount, in_days):
        self.story.promises(amount, in_days=in_days)

    @rule(count=st.integers(1, 5))
    def plan(self, count):
        self.story.asks_for_plan(count)

    @rule(stop=st.sampled_from(STOPS), number=st.integers(1, 99))
    def stop(self, stop, number):
        mark, pending = self.story.mark(), self.placement
        before = len(self.story.said(CaseClosed))
        match stop:
            case "disputes":
                applies = self.story.state.dispute is None and f"D-{number}" not in self.story.state.seen
                self.story.disputes(f"D-{number}")
            case "hardship":
                applies = self.story.state.hardship is None and f"HD-{number}" not in self.story.state.seen
                self.story.hardship(hardship_id=f"HD-{number}")
            case "wants_no_contact":
                applies = True
                self.story.wants_no_contact()
            case "complains":
                applies = True
                self.story.answers("complaint")
            case "dies":
                applies = number < 5
                _ = self.story.recorded(status="deceased") if applies else None
            case "is_paused":
                applies = all(loan.loan_id == "l1" for loan in self.story.state.loans)
                self.story.paused("l1")
        said = self.story.kinds_since(mark)
        if pending and applies:
            assert ("placement.recalled" if pending.state == "active" else "placement.refused") in said
            assert self.placement is None
            assert len(self.story.said(CaseClosed)) - before <= 1

    @rule()
    def resumed(self):
        self.story.resumed("l1")

    @rule()
    def officer_recalls(self):
        case_id = self.story.state.case.case_id if self.story.state.case else "none"
        with contextlib.suppress(Refused):
            self.story.commands(commands.recall_placement(case_id, reason="seen", officer="li.wei"))

    @rule(number=st.integers(1, 15))
    def time_passes(self, number):
        self.story.days(number)

    # what always holds

    def count(self, *kinds):
        return sum(len(self.story.said(kind)) for kind in kinds)

    @invariant()
    def never_two_open_cases(self):
        assert self.count(CaseOpened, CaseReopened) - self.count(CaseClosed) == (self.story.state.case is not None)

    @invariant()
    def never_two_pending_placements(self):
        offered, active = self.count(PlacementOffered), self.count(PlacementActivated)
        refused, recalled = self.count(PlacementRefused), self.count(PlacementRecalled)
        pending = self.placement.state if self.placement else None
        assert offered - refused - active == (pending == "offered")
        assert active - recalled == (pending == "active")
        assert recalled - self.count(PlacementEnded) == len(self.story.state.leaving)

    @invariant()
    def no_placement_without_a_case_or_under_a_hold(self):
        state = self.story.state
        assert state.placement is None or state.case is not None
        assert state.placement is None or {hold.reason for hold in state.holds} <= {"promise"}

    @invariant()
    def every_hold_is_either_released_or_stands(self):
        assert self.count(HoldPlaced) - self.count(HoldReleased) == len(self.story.state.holds)

    @invariant()
    def every_plan_has_an_end_or_is_performed(self):
        ended = self.count(PlanCompleted, PlanDefaulted, PlanCancelled)
        assert self.count(PlanAccepted) - ended == (self.story.state.plan is not None)

    @invariant()
    def no_case_without_arrears_and_no_workable_arrears_without_a_case(self):
        state = self.story.state
        due = [loan for loan in state.loans if loan.due]
        assert state.case is None or due
        workable = any(loan.status == "open" for loan in due) and state.status != "deceased"
        assert not workable or state.case is not None

    @invariant()
    def nothing_due_is_left_undone(self):
        self.story.bus.advance(timedelta(0))
        due = next_at(self.story.state)
        assert due is None or due > self.story.clock.now()

    @invariant()
    def the_document_reads_as_it_was_written(self):
        written = msgspec.json.encode(self.story.state)
        assert msgspec.json.decode(written, type=State) == self.story.state
        assert len(written) < 40_000


Collection.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCollection = Collection.TestCase
