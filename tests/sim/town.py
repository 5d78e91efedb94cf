"""The people around the services: carriers, borrowers, agencies, officers, and whoever pays. Same habits in any house.

They act on facts that they hear of, when they like, through the services' own commands and through the topics. What
somebody does depends on the seed and on what it is about, never on how often or in what order it was asked.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from schemas import agencies, cases, contacts, visits
from schemas.envelope import Fact
from schemas.topics import ASSIGNMENT, NOTIFIER, VISITS
from services.assignment import handlers_commands as officer
from services.notifier import domain as notice
from services.notifier.handlers import command
from services.visits.domain.door import Answer
from services.visits.handlers_commands import arrival
from tests.sim.bank import Bank, today
from tests.sim.calm import number_of
from tests.sim.story import BEGINS, Step
from tests.sim.world import World

MINUTE, HOUR, DAY = 60, 3600, 86_400
DIGEST = "d" * 64
OFFICER_STEPS = frozenset({"hold", "release", "recall", "legal", "resolve", "complain"})
ANSWERS = (
    ("will_pay", 0.05), ("promise", 0.14), ("plan_request", 0.1), ("dispute", 0.05), ("hardship", 0.05),
    ("complaint", 0.04), ("stop_request", 0.03), ("wrong_person", 0.03),
)  # fmt: skip
DISPOSITIONS = (
    ("not_home", 0.22), ("promise", 0.14), ("plan_agreed", 0.08), ("refused", 0.08), ("paid_part", 0.08),
    ("paid_in_full", 0.06), ("disputes_debt", 0.05), ("hardship", 0.06), ("moved", 0.06), ("address_invalid", 0.05),
    ("third_party_only", 0.06), ("deceased", 0.03), ("incident", 0.03),
)  # fmt: skip


class Town:
    """Hears every fact once and acts later."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        self.bank = Bank(world.dice, world.story.borrowers)
        self._facts = 0
        self._cases: dict[str, str] = {}
        self._holds: dict[str, str] = {}
        self._disputes: dict[str, str] = {}

    # -- steps --------------------------------------------------------------------------------------------------------

    def does(self, step: Step) -> None:
        """Do a step of the story."""
        if step.kind in OFFICER_STEPS:
            getattr(self, f"_{step.kind}")(step)
        else:
            self._publish(*self.bank.does(step, self.world.now))

    def _publish(self, *facts: Fact) -> None:
        for fact in facts:
            self._facts += 1
            self.world.house.publish(fact, f"{fact.TYPE}/{fact.key}/{self._facts}")

    def _officer(self, step: Step, act: Any, about: str | None) -> None:
        if about is not None:
            self.world.command(ASSIGNMENT, step.borrower, act, f"{step.kind}/{about}/{step.at.isoformat()}")

    def _hold(self, step: Step) -> None:
        case = self._cases.get(step.borrower, "none")
        until = self.world.now + timedelta(days=step.size % 6) if step.size % 3 else None
        self._officer(step, officer.place_hold(case, reason="asked", until=until, officer="O-1"), case)

    def _release(self, step: Step) -> None:
        hold = self._holds.get(step.borrower, "none")
        self._officer(step, officer.release_hold(hold, reason="asked", officer="O-1"), hold)

    def _recall(self, step: Step) -> None:
        case = self._cases.get(step.borrower, "none")
        self._officer(step, officer.recall_placement(case, reason="asked", officer="O-1"), case)

    def _legal(self, step: Step) -> None:
        case = self._cases.get(step.borrower, "none")
        act = officer.decide_legal(case, pursue=step.size % 2 == 0, reason="asked", officer="O-1")
        self._officer(step, act, case)

    def _resolve(self, step: Step) -> None:
        dispute = self._disputes.get(step.borrower, "none")
        act = officer.resolve_dispute(dispute, upheld=step.size % 2 == 0, reason="asked", officer="O-1")
        self._officer(step, act, dispute)

    def _complain(self, step: Step) -> None:
        case = self._cases.get(step.borrower, "none")
        self._officer(step, officer.complain(case, reason="asked", officer="O-1"), case)

    def _asks_to_call(self, placement: cases.PlacementActivated, name: str) -> None:
        """The agency that has the case asks whether it may telephone, and does."""
        if not self._may_go(placement.borrower_id):
            return
        now = self.world.now
        asked = notice.Asked(
            "voice", placement.agency_id, now, now + timedelta(hours=1), contact_point="T-1", recording=True
        )
        said = self._notifier(placement.borrower_id, f"propose/{name}", notice.propose, asked)
        for event in said or ():
            if isinstance(event.data, contacts.ContactAllowed):
                self._telephones(placement, event.data.contact_id)

    def _telephones(self, placement: cases.PlacementActivated, contact_id: str) -> None:
        def calls() -> None:
            connected = self.dice.throw("connected", contact_id) < 0.5
            outcome = notice.Settled("connected" if connected else "unanswered", self.world.now)
            if self._notifier(placement.borrower_id, f"settle/{contact_id}", notice.settle, contact_id, outcome):
                self._publish(
                    agencies.CallReported(
                        report_id=f"R-{contact_id}",
                        borrower_id=placement.borrower_id,
                        agency_id=placement.agency_id,
                        contact_id=contact_id,
                        placement_id=placement.placement_id,
                        called_at=self.world.now,
                        connected=connected,
                    )
                )

        self.world.later(5 * MINUTE, f"call {contact_id}", calls)

    # -- hearing ------------------------------------------------------------------------------------------------------

    def hears(self, fact: Fact) -> None:
        """Somebody may act on what was said."""
        act = HEARD.get(type(fact))
        if act is not None:
            act(self, fact)

    def _notifier(self, borrower_id: str, key: str, decision: Callable[..., Any], *given: object) -> Any:
        return self.world.command(NOTIFIER, borrower_id, command(decision, *given), key)

    def _may_go(self, borrower_id: str, service: str = NOTIFIER) -> bool:
        return self.world.fresh(service, number_of(borrower_id))

    # carriers

    def _allowed(self, fact: contacts.ContactAllowed) -> None:
        if fact.step is not None and fact.channel in ("sms", "email", "letter"):
            seconds = self.dice.pick((0.2, 0.7, 5, 300, 7200), "sends", fact.contact_id)
            start = max(self.world.now, fact.not_before) + timedelta(seconds=seconds)
            self.world.at(start, f"send {fact.contact_id}", lambda: self._sends(fact, 1))

    def _sends(self, fact: contacts.ContactAllowed, attempt: int) -> None:
        """Claimed only while all is known that could stop it; taken by the carrier a moment later."""
        contact_id, again = fact.contact_id, f"send {fact.contact_id} #{attempt + 1}"
        if self.world.now >= fact.expires_at:
            return
        if not self._may_go(fact.borrower_id):
            self.world.later(10 * MINUTE, again, lambda: self._sends(fact, attempt + 1))
            return
        if self._notifier(fact.borrower_id, f"claimed/{contact_id}/{attempt}", notice.claimed, contact_id) is None:
            return
        handed_over = self.world.now
        if attempt < 3 and self.dice.throw("down", contact_id, attempt) < 0.06:
            self._notifier(fact.borrower_id, f"released/{contact_id}/{attempt}", notice.released, contact_id)
            self.world.later(HOUR, again, lambda: self._sends(fact, attempt + 1))
            return
        taken = f"taken {contact_id}"
        self.world.later(self.dice.pick((0.1, 0.5, 4), taken), taken, lambda: self._taken(fact, handed_over))

    def _taken(self, fact: contacts.ContactAllowed, handed_over: datetime) -> None:
        fate, contact_id = self.dice.throw("fate", fact.contact_id), fact.contact_id
        outcome: notice.Submission = notice.Accepted(f"ref-{contact_id}", handed_over, "1", DIGEST)
        if fate < 0.05:
            outcome = notice.Refused("no such number")
        elif fate < 0.08:
            outcome = notice.Unknown("the line broke")
        self._notifier(fact.borrower_id, f"submitted/{contact_id}", notice.submitted, contact_id, outcome)

    def _sent(self, fact: contacts.NoticeSent) -> None:
        luck = self.dice.throw("receipt", fact.notice_id)
        if luck > (0.3 if fact.channel == "email" else 0.93):
            return
        hours = self.dice.pick((20, 50, 90) if fact.channel == "letter" else (0.001, 0.02, 1, 30, 80), fact.notice_id)
        for time in (1, 2) if self.dice.throw("twice", fact.notice_id) < 0.15 else (1,):
            name = f"receipt {fact.notice_id} #{time}"
            self.world.later(hours * HOUR * time, name, partial(self._receipt, fact, luck > 0.08, time))

    def _receipt(self, fact: contacts.NoticeSent, arrived: bool, time: int) -> None:
        key, now = f"receipt/{fact.notice_id}/{time}", self.world.now
        if fact.channel == "letter":
            tracked = notice.Tracked("delivered" if arrived else "returned", now, fact.carrier_reference, DIGEST)
            self._notifier(fact.borrower_id, key, notice.tracking, fact.notice_id, tracked)
        else:
            outcome = notice.Delivered(now, fact.carrier_reference, DIGEST) if arrived else notice.Failed(now, "full")
            self._notifier(fact.borrower_id, key, notice.receipt, fact.notice_id, outcome)

    # borrowers

    def _delivered(self, fact: contacts.NoticeDelivered) -> None:
        answer = self._chosen(ANSWERS, "answer", fact.notice_id)
        if answer is not None and fact.step != "early_warning":
            hours = self.dice.pick((0.2, 3, 30, 100), "answers after", fact.notice_id)
            name = f"answer {answer} {fact.notice_id}"
            self.world.later(hours * HOUR, name, lambda: self._answers(fact, answer))

    def _chosen(self, options: tuple[tuple[str, float], ...], *name: object) -> str | None:
        luck = self.dice.throw(*name)
        for option, share in options:
            luck -= share
            if luck < 0:
                return option
        return None

    def _answers(self, fact: contacts.NoticeDelivered, answer: str) -> None:
        days = self.dice.within(1, 9, "promised in", fact.notice_id)
        known: Mapping[str, Mapping[str, Any]] = {
            "promise": {
                "promised_on": today(self.world.now) + timedelta(days=days),
                "amount": self._part(fact.borrower_id, fact.notice_id),
                "currency": "CNY",
            },
            "plan_request": {"instalments": self.dice.within(1, 6, "instalments", fact.notice_id)},
            "hardship": {"hardship": self.dice.pick(("illness", "family", "other"), "why", fact.notice_id)},
            "stop_request": {"channels": self.dice.pick(((), ("sms",)), "channels", fact.notice_id)},
        }
        given = notice.Answered(answer, fact.notice_id, statement="难", **known.get(answer, {}))  # type: ignore[arg-type]
        self._notifier(fact.borrower_id, f"answer/{fact.notice_id}", notice.answer, given)

    def _part(self, borrower_id: str, about: str) -> Decimal:
        owed = sum((self.bank.owed(loan) for loan in self.bank.overdue_loans(borrower_id)), Decimal(0))
        share = self.dice.pick((100, 50, 30), "promises", about)
        return max(Decimal("1.00"), (owed * share / 100).quantize(Decimal("0.01")))

    def _promised(self, fact: cases.PromiseMade) -> None:
        self._pays(fact.borrower_id, fact.promise_id, fact.amount, fact.due_on)

    def _planned(self, fact: cases.PlanAccepted) -> None:
        for number, instalment in enumerate(fact.instalments):
            self._pays(fact.borrower_id, f"{fact.plan_id} #{number}", instalment.amount, instalment.due_on)

    def _pays(self, borrower_id: str, about: str, amount: Decimal, on: date) -> None:
        luck = self.dice.throw("pays", about)
        if luck < 0.75:
            share = 1 if luck < 0.6 else Decimal("0.4")
            late = self.dice.pick((-1, 0, 0, 2, 6), "late", about)
            instant = _noon(on + timedelta(days=late)) + timedelta(seconds=self.dice.within(0, 7200, "noon", about))
            name = f"pays {about}"
            self.world.at(instant, name, lambda: self._paid(borrower_id, (amount * share).quantize(Decimal("0.01"))))

    def _paid(self, borrower_id: str, amount: Decimal) -> None:
        """Split over the loans that are past due, as people do."""
        for loan in self.bank.overdue_loans(borrower_id):
            part = min(amount, self.bank.owed(loan))
            if part > 0:
                amount -= part
                self._publish(*self.bank.pays(loan, part, self.world.now))

    # agencies

    def _offered(self, fact: cases.PlacementOffered) -> None:
        if fact.agency_id == "in-house":
            return
        luck = self.dice.throw("offer", fact.placement_id)
        hours = self.dice.pick((0.1, 5, 30, 60), "answers offer", fact.placement_id)
        if luck < 0.78:
            self._agency(fact, hours, "accepts", agencies.PlacementAccepted, accepted_at=None)
        elif luck < 0.9:
            self._agency(fact, hours, "declines", agencies.PlacementDeclined, declined_at=None, reason="full")

    def _agency(self, fact: Any, hours: float, what: str, kind: type[Fact], **more: Any) -> None:
        """An agency reports, on its topic. What is None is set to that instant."""

        def reports() -> None:
            now = self.world.now
            told = {name: now if value is None else value for name, value in more.items()}
            ids = {"borrower_id": fact.borrower_id, "agency_id": fact.agency_id, "placement_id": fact.placement_id}
            self._publish(kind(report_id=f"R-{what}-{fact.placement_id}", **ids, **told))

        self.world.later(hours * HOUR, f"{what} {fact.placement_id}", reports)

    def _activated(self, fact: cases.PlacementActivated) -> None:
        if fact.agency_id != "in-house" and self.dice.throw("calls", fact.placement_id) < 0.4:
            days = self.dice.within(1, 6, "calls after", fact.placement_id)
            name = f"asks to call {fact.placement_id}"
            instant = _noon(today(self.world.now) + timedelta(days=days))
            self.world.at(instant, name, partial(self._asks_to_call, fact, name))
        if fact.agency_id != "in-house" and self.dice.throw("returns", fact.placement_id) < 0.06:
            days = self.dice.within(1, 20, "returns after", fact.placement_id)
            self._agency(fact, days * 24, "returns", agencies.PlacementReturned, returned_at=None, reason="no staff")

    def _recalled(self, fact: cases.PlacementRecalled) -> None:
        if fact.agency_id != "in-house" and self.dice.throw("attests", fact.placement_id) < 0.85:
            hours = self.dice.pick((0.1, 20, 70, 120), "attests after", fact.placement_id)
            more = {"attested_at": None, "method": "erased"}
            self._agency(fact, hours, "attests", agencies.DataDeletionAttested, **more)

    def _dispatched(self, fact: visits.VisitDispatched) -> None:
        luck = self.dice.throw("door", fact.visit_id)
        if luck > 0.92:
            return
        minutes = self.dice.pick((0, 1, 30, 120, 260, 330), "door at", fact.visit_id)
        self.world.later(minutes * MINUTE, f"door {fact.visit_id}", lambda: self._at_the_door(fact, 1))

    def _at_the_door(self, fact: visits.VisitDispatched, attempt: int) -> None:
        told: list[Answer] = []
        fresh = self._may_go(fact.borrower_id, VISITS)
        act = arrival(fact.visit_id, fact.team, lambda: fresh, told)
        self.world.command(VISITS, fact.borrower_id, act, f"arrival/{fact.visit_id}/{attempt}")
        if told and told[-1].go:
            self._inside(fact)
        elif told and told[-1].code == "not_fresh" and attempt < 4:
            again = f"door {fact.visit_id} #{attempt + 1}"
            self.world.later(3 * MINUTE, again, lambda: self._at_the_door(fact, attempt + 1))

    def _inside(self, fact: visits.VisitDispatched) -> None:
        arrived = self.world.now
        disposition = self._chosen(DISPOSITIONS, "disposition", fact.visit_id) or "not_home"
        hours = self.dice.pick((0.3, 0.5, 1, 26, 90), "reports after", fact.visit_id)
        for time in (1, 2) if self.dice.throw("reports twice", fact.visit_id) < 0.1 else (1,):
            name = f"reports {disposition} {fact.visit_id} #{time}"
            self.world.later(hours * HOUR * time, name, partial(self._reports, fact, disposition, arrived, time))

    def _reports(self, fact: visits.VisitDispatched, disposition: str, arrived: datetime, time: int) -> None:
        if time == 1 and disposition in ("paid_part", "paid_in_full"):
            share = 1 if disposition == "paid_in_full" else Decimal("0.3")
            owed = sum((self.bank.owed(loan) for loan in fact.loan_ids), Decimal(0))
            self._paid(fact.borrower_id, (owed * share).quantize(Decimal("0.01")))
        self._publish(
            agencies.VisitReported(
                report_id=f"R-{fact.visit_id}-{time}",
                borrower_id=fact.borrower_id,
                agency_id=fact.agency_id,
                visit_id=fact.visit_id,
                team=fact.team,
                arrived_at=arrived,
                ended_at=arrived + timedelta(minutes=20),
                result=self._result(fact, disposition),
                conduct=agencies.Conduct(identity_shown=True, recording_started_at=arrived - timedelta(minutes=5)),
                evidence=(agencies.Evidence(kind="video", digest="a" * 64, taken_at=arrived),),
                statement="困难",
            )
        )

    def _result(self, fact: visits.VisitDispatched, disposition: str) -> agencies.VisitResult:
        days = self.dice.within(1, 9, "door promise", fact.visit_id)
        known: Mapping[str, Mapping[str, Any]] = {
            "promise": {
                "promised_on": today(self.world.now) + timedelta(days=days),
                "promised_amount": self._part(fact.borrower_id, fact.visit_id),
                "currency": "CNY",
            },
            "plan_agreed": {"instalments": self.dice.within(2, 6, "door plan", fact.visit_id)},
        }
        reason = self.dice.pick(("unemployment", "illness", "unwilling", "other"), "reason", fact.visit_id)
        return agencies.VisitResult(disposition=disposition, reason_for_default=reason, **known.get(disposition, {}))

    # officers remember what to speak of

    def _opened(self, fact: cases.CaseOpened) -> None:
        self._cases[fact.borrower_id] = fact.case_id

    def _held(self, fact: cases.HoldPlaced) -> None:
        self._holds[fact.borrower_id] = fact.hold_id

    def _disputed(self, fact: contacts.DisputeRaised) -> None:
        self._disputes[fact.borrower_id] = fact.dispute_id


def _noon(day: date) -> datetime:
    return BEGINS + timedelta(days=(day - today(BEGINS)).days, hours=12)


HEARD: Mapping[type[Fact], Callable[[Town, Any], None]] = {
    contacts.ContactAllowed: Town._allowed,
    contacts.NoticeSent: Town._sent,
    contacts.NoticeDelivered: Town._delivered,
    contacts.DisputeRaised: Town._disputed,
    cases.PromiseMade: Town._promised,
    cases.PlanAccepted: Town._planned,
    cases.PlacementOffered: Town._offered,
    cases.PlacementActivated: Town._activated,
    cases.PlacementRecalled: Town._recalled,
    cases.CaseOpened: Town._opened,
    cases.HoldPlaced: Town._held,
    visits.VisitDispatched: Town._dispatched,
}
