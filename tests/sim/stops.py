"""What forbids contact, told from the design's own words, apart from how any service or report keeps count of it.

A stop stands from when it was published; a contact more than a second later is wrongful, unless it was lifted before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

from schemas import bank, cases, contacts
from schemas.envelope import Fact

GRACE = timedelta(seconds=1)
Versioned: TypeAlias = bank.LoanOverdue | bank.LoanPaymentReceived | bank.LoanPaymentReversed
VERSIONED = (bank.LoanOverdue, bank.LoanPaymentReceived, bank.LoanPaymentReversed)
WHOLE = ""
"""Stands for all loans of a borrower."""


@dataclass(slots=True)
class Stops:
    """(borrower, loan, reason) → from when on; and until when, where that is known."""

    since: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    until: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)

    def wrongful(self, contact: str, borrower_id: str, loans: tuple[str, ...], at: datetime) -> Iterator[str]:
        """The stops that stood against a contact."""
        for key, since in self.since.items():
            owner, loan, reason = key
            concerns = owner == borrower_id and (loan == WHOLE or loan in loans)
            if concerns and since < at - GRACE and self.until.get(key, at + GRACE) > at:
                yield f"{contact} was made at {at}: {reason} {loan} since {since}"

    def hear(self, fact: Fact, at: datetime) -> None:
        """Learn what a fact stops or lifts, unless a later word about its loan stands."""
        if not (isinstance(fact, VERSIONED) and self._is_old(fact)):
            self._hear_the_bank(fact, at)

    def _hear_the_bank(self, fact: Fact, at: datetime) -> None:
        match fact:
            case bank.LoanOverdue() | bank.LoanDueSoon():
                self._lift(fact.borrower_id, fact.loan_id, "settled")
            case bank.LoanPaymentReceived() if not fact.arrears_after.total:
                self._stop(fact.borrower_id, fact.loan_id, "settled", at)
            case bank.LoanPaymentReceived():
                self._lift(fact.borrower_id, fact.loan_id, "settled")
            case bank.LoanPaymentReversed() if fact.arrears_after.total:
                self._lift(fact.borrower_id, fact.loan_id, "settled")
            case bank.LoanCured() | bank.LoanClosed() | bank.LoanChargedOff() | bank.LoanRestructured():
                self._stop(fact.borrower_id, fact.loan_id, "settled", at)
                self._lift(fact.borrower_id, WHOLE, "upheld")
            case bank.LoanPaused():
                self._stop(fact.borrower_id, fact.loan_id, "paused", at)
                self._ends(fact)
            case bank.LoanResumed():
                self._lift(fact.borrower_id, fact.loan_id, "paused")
            case bank.BorrowerRecorded():
                self._recorded(fact, at)
            case cases.LoanRepaired() if fact.status is not None:
                self._repaired(fact, at)
            case _:
                self._hear_the_case(fact, at)

    def _is_old(self, fact: Versioned) -> bool:
        """Whether its version proves that a later word about the loan stands (choreography.md, "Which word counts")."""
        key, version = (fact.borrower_id, fact.loan_id), fact.loan_version or 0
        latest = self.versions[key] = max(version, self.versions.get(key, 0))
        return 0 < version < latest

    def _hear_the_case(self, fact: Fact, at: datetime) -> None:
        match fact:
            case contacts.DisputeRaised():
                self._stop(fact.borrower_id, WHOLE, "dispute", at)
            case contacts.HardshipDeclared():
                self._stop(fact.borrower_id, WHOLE, "hardship", at)
            case contacts.ContactStopRequested() if not fact.channels:
                self._stop(fact.borrower_id, WHOLE, "stop_request", at)
            case contacts.NoticeAnswered() if fact.answer == "complaint":
                self._stop(fact.borrower_id, WHOLE, "complaint", at)
            case _:
                self._hear_the_officers(fact, at)

    def _hear_the_officers(self, fact: Fact, at: datetime) -> None:
        match fact:
            case cases.DisputeResolved() if fact.upheld:
                self._stop(fact.borrower_id, WHOLE, "upheld", self._lift(fact.borrower_id, WHOLE, "dispute") or at)
            case cases.DisputeResolved():
                self._lift(fact.borrower_id, WHOLE, "dispute")
            case cases.HardshipRejected():
                self._lift(fact.borrower_id, WHOLE, "hardship")
            case cases.HardshipGranted():
                self._stop(fact.borrower_id, WHOLE, "upheld", self._lift(fact.borrower_id, WHOLE, "hardship") or at)
                if fact.until:
                    self.until[fact.borrower_id, WHOLE, "upheld"] = _over(fact.until)
            case cases.ComplaintUpheld() | cases.ComplaintRejected():
                self._lift(fact.borrower_id, WHOLE, "complaint")
            case _:
                self._hear_of_holds(fact, at)

    def _hear_of_holds(self, fact: Fact, at: datetime) -> None:
        match fact:
            case cases.HoldPlaced():
                self._stop(fact.borrower_id, WHOLE, f"hold {fact.hold_id}", at)
                if fact.until:
                    self.until[fact.borrower_id, WHOLE, f"hold {fact.hold_id}"] = fact.until
            case cases.HoldReleased():
                self._lift(fact.borrower_id, WHOLE, f"hold {fact.hold_id}")
                self._lift(fact.borrower_id, WHOLE, fact.reason)
                if fact.reason in ("dispute", "hardship"):
                    self._lift(fact.borrower_id, WHOLE, "upheld")
            case cases.CaseClosed():
                for reason in ("dispute", "hardship", "complaint"):
                    self._lift(fact.borrower_id, WHOLE, reason)

    def _repaired(self, fact: cases.LoanRepaired, at: datetime) -> None:
        """A fact was lost, and a snapshot told how the loan stands."""
        if fact.status in ("overdue", "paused") and fact.arrears is not None and fact.arrears.total:
            self._lift(fact.borrower_id, fact.loan_id, "settled")
        else:
            self._stop(fact.borrower_id, fact.loan_id, "settled", at)
        if fact.status == "paused":
            self._stop(fact.borrower_id, fact.loan_id, "paused", at)
        else:
            self._lift(fact.borrower_id, fact.loan_id, "paused")

    def _recorded(self, fact: bank.BorrowerRecorded, at: datetime) -> None:
        if fact.status != "active":
            self._stop(fact.borrower_id, WHOLE, "status", at)
        else:
            self._lift(fact.borrower_id, WHOLE, "status")
        if any(c.kind == "channel" and c.channel is None for c in fact.consents):
            self._lift(fact.borrower_id, WHOLE, "stop_request")

    def _ends(self, fact: bank.LoanPaused) -> None:
        key = (fact.borrower_id, fact.loan_id, "paused")
        self.until.pop(key, None)
        if fact.until_date:
            self.until[key] = _over(fact.until_date)

    def _stop(self, borrower_id: str, loan: str, reason: str, at: datetime) -> None:
        self.since.setdefault((borrower_id, loan, reason), at)

    def _lift(self, borrower_id: str, loan: str, reason: str) -> datetime | None:
        self.until.pop((borrower_id, loan, reason), None)
        return self.since.pop((borrower_id, loan, reason), None)


def _over(day: date) -> datetime:
    """When a day is over, where that is first in China."""
    return datetime.combine(day, time(16), UTC)
