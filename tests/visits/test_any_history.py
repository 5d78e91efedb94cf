"""Whatever happens, in whatever order: the promises about visits, held against a model that only counts."""

from datetime import timedelta
from itertools import count, pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.envelope import Fact
from schemas.visits import (
    VisitAborted,
    VisitArrived,
    VisitCancelled,
    VisitCompleted,
    VisitEvidenceSealed,
    VisitNoContact,
    VisitPermitRequested,
    VisitRefused,
    VisitsExhausted,
)
from services.visits.domain.dispositions import MEANINGS
from services.visits.domain.evidence import chained
from services.visits.domain.life import next_at
from services.visits.domain.state import CHAIN_START
from tests.visits import building as b
from tests.visits.story import Story
from tests.visits.words import answered, dispute, hardship, stop_request

ENDINGS = (VisitCompleted, VisitNoContact, VisitRefused, VisitCancelled, VisitAborted)
LOANS = ("L-1", "L-2")
HOLDS = ("officer", "promise", "plan", "dispute")
RECALLS = ("cured", "dispute", "exhausted", "officer")
HOURS = st.sampled_from([1, 5, 20, 30, 24 * 6, 24 * 8])


class AnyHistory(RuleBasedStateMachine):
    """A borrower with two loans, an agency, a gate, a team; and a model of what stops and what is entrusted."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self.loans: dict[str, bool] = dict.fromkeys(LOANS, True)
        self.stops: set[str] = set()
        self.placed: tuple[str, ...] = ()
        self.placements = 0
        self.numbers, self.open = count(1), []
        self.person_stops = False
        self.hear(b.recorded(b.home("AD-1"), b.home("AD-2", kind="registered")), *(b.overdue(loan) for loan in LOANS))

    def hear(self, *facts: Fact) -> None:
        self.story.hear(*facts)

    @property
    def now(self):
        return self.story.clock.now()

    @property
    def stopped(self) -> bool:
        nothing_owed = not any(self.loans[loan] for loan in self.placed)
        return bool(self.stops) or self.person_stops or nothing_owed

    # -- what happens ---------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.placed)
    @rule(loans=st.sampled_from([("L-1",), LOANS]))
    def entrust(self, loans):
        self.placements += 1
        self.placed = loans
        name = f"P-B-1-{self.placements}"
        self.hear(b.activated(*loans, placement_id=name, now=self.now))

    @precondition(lambda self: self.placed)
    @rule(cause=st.sampled_from(RECALLS))
    def recall(self, cause):
        self.placed = ()
        self.hear(b.recalled(cause, self.now, placement_id=f"P-B-1-{self.placements}"))

    @rule(loan=st.sampled_from(LOANS), how=st.sampled_from([b.cured, b.closed, b.charged_off]))
    def loan_stops(self, loan, how):
        self.loans[loan] = False
        self.hear(how(loan))

    @rule(loan=st.sampled_from(LOANS), left=st.sampled_from(["0.00", "5.00"]))
    def pay(self, loan, left):
        if left == "0.00":
            self.loans[loan] = False
        self.hear(b.paid(left, loan_id=loan))

    @rule(loan=st.sampled_from(LOANS))
    def overdue(self, loan):
        self.loans[loan] = True
        self.hear(b.overdue(loan))

    @rule(reason=st.sampled_from(HOLDS))
    def hold(self, reason):
        self.stops.add(f"H-{reason}")
        self.hear(b.hold(reason, f"H-{reason}"))

    @rule(reason=st.sampled_from(HOLDS))
    def release(self, reason):
        self.stops.discard(f"H-{reason}")
        self.hear(b.released(reason, f"H-{reason}"))

    @rule(said=st.sampled_from([dispute, hardship, stop_request]))
    def borrower_objects(self, said):
        self.stops.add(said.__name__)
        self.open.append(next(self.numbers))
        self.hear(said(self.open[-1]))

    @rule()
    def objections_are_answered(self):
        self.stops -= {"dispute", "hardship", "stop_request"}
        self.hear(*answered(self.open))
        self.open.clear()

    @rule(status=st.sampled_from(["active", "deceased", "active"]))
    def record(self, status):
        self.person_stops = status != "active"
        self.hear(b.recorded(b.home("AD-1"), b.home("AD-2", kind="registered"), status=status))

    @precondition(lambda self: self.story.state.visit)
    @rule()
    def allow(self):
        self.story.allow()

    @precondition(lambda self: self.story.state.visit)
    @rule()
    def deny(self):
        self.hear(b.denied(self.story.asked, self.now))

    @precondition(lambda self: self.story.state.visit)
    @rule()
    def go_to_the_door(self):
        at = self.story.visit.window_start + timedelta(minutes=10)
        self.story.bus.advance_to(max(at, self.now))

    @precondition(lambda self: self.story.bus.said_of(VisitPermitRequested))
    @rule(fresh=st.booleans())
    def ask(self, fresh):
        answer = self.story.ask(fresh=fresh)
        assert not (answer.go and self.stopped), "told go while a stop is in force"
        assert not (answer.go and not self.placed), "told go without a placement"
        assert not (answer.go and not fresh), "told go without knowing"

    @precondition(lambda self: self.story.bus.said_of(VisitPermitRequested))
    @rule(disposition=st.sampled_from(sorted(MEANINGS)))
    def report(self, disposition):
        count = len(self.story.bus.log)
        terms = b.PROMISE | {"promised_on": self.story.asked.window_start.date(), "instalments": 3}
        self.hear(b.reported(self.story.asked, disposition, self.now, report_id=f"R-{count}", result=terms))

    @precondition(lambda self: self.story.visit_in("permit_requested"))
    @rule(fresh=st.booleans(), stop=st.sampled_from([None, None, None, b.cured, b.hold]))
    def make_the_visit(self, fresh, stop):
        """The whole way to the door at once, so that short histories go far."""
        self.allow()
        self.go_to_the_door()
        if stop is b.cured:
            self.loan_stops("L-1", stop)
        elif stop:
            self.hold("officer")
        self.ask(fresh)

    @precondition(lambda self: self.story.visit_in("arrived"))
    @rule(disposition=st.sampled_from(sorted(MEANINGS)))
    def finish(self, disposition):
        self.report(disposition)
        self.time_passes(24 * 6)

    @precondition(lambda self: self.story.visit_in("dispatched", "arrived"))
    @rule()
    def break_off(self):
        self.story.break_off()

    @rule(hours=HOURS)
    def time_passes(self, hours):
        self.story.bus.advance(timedelta(hours=hours))

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def every_visit_that_was_asked_for_has_one_ending_or_is_the_open_one(self):
        asked = [v.visit_id for v in self.story.bus.said_of(VisitPermitRequested)]
        ended = [v.visit_id for kind in ENDINGS for v in self.story.bus.said_of(kind)]
        visit = self.story.state.visit
        assert len(set(asked)) == len(asked)
        assert sorted(asked) == sorted([*ended, *([visit.visit_id] if visit else [])])

    @invariant()
    def no_visit_is_pending_while_a_stop_is_in_force(self):
        visit = self.story.state.visit
        if visit and visit.stage != "arrived":
            assert not self.stopped
            assert self.placed

    @invariant()
    def attempts_keep_their_number_and_their_distance(self):
        arrived = self.story.bus.said_of(VisitArrived)
        for placement in {v.placement_id for v in arrived}:
            assert sum(v.placement_id == placement for v in arrived) <= b.POLICY.attempts_max
        times = [v.arrived_at for v in arrived]
        assert all(later - earlier >= b.POLICY.gap for earlier, later in pairwise(times))

    @invariant()
    def nothing_is_told_that_changes_money_for_a_visit_that_was_not_told_go(self):
        told_go = {v.visit_id for v in self.story.bus.said_of(VisitArrived)}
        applied = {v.visit_id for kind in ENDINGS[:3] for v in self.story.bus.said_of(kind)}
        assert applied <= told_go

    @invariant()
    def the_chain_of_evidence_holds(self):
        before = CHAIN_START
        for seal in self.story.bus.said_of(VisitEvidenceSealed):
            assert (seal.previous, seal.chain) == (before, chained(before, seal.digests))
            before = seal.chain

    @invariant()
    def a_placement_is_exhausted_at_most_once_and_then_rests(self):
        exhausted = [e.placement_id for e in self.story.bus.said_of(VisitsExhausted)]
        assert len(set(exhausted)) == len(exhausted)

    @invariant()
    def what_is_known_stays_small_and_the_next_timer_is_not_forgotten(self):
        state = self.story.state
        assert len(state.ended) <= 3
        assert state.visit is None or next_at(state) is not None


AnyHistory.TestCase.settings = settings(
    max_examples=80, stateful_step_count=35, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyHistory = AnyHistory.TestCase
