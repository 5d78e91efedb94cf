"""Money and loans: what each service holds is what the bank said last, and every payment counts once, to the cent."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.chaos.audit.contract import ARREARS, ENDS, LOANS, MONEY, PAUSES
from tests.chaos.audit.facts import Partition
from tests.chaos.audit.findings import Findings, Kind
from tests.chaos.audit.reading import Record

ZERO = Decimal("0.00")
Document = Mapping[str, Any]


def total(arrears: Mapping[str, str]) -> Decimal:
    """The sum of what is past due."""
    return sum((Decimal(arrears[part]) for part in ("principal", "interest", "fees")), ZERO)


@dataclass(slots=True)
class Last:
    """The bank's last word on a loan: the latest amount past due, its version, whether the loan ended after it, and
    whether a pause covers it.
    """

    arrears: Decimal | None = None
    version: int = 0
    ended: str = ""
    paused: bool = False


def last_words(partition: Partition) -> dict[tuple[str, str], Last]:
    """By borrower and loan, in the order of the topic."""
    words: dict[tuple[str, str], Last] = {}
    for record in sorted(partition.first.values(), key=lambda r: r.offset):
        if record.topic == LOANS and record.type in (*ARREARS, *ENDS, *PAUSES):
            word = words.setdefault((record.key, record.data["loan_id"]), Last())
            _hear(word, record)
    return words


def _hear(word: Last, record: Record) -> None:
    if record.type in PAUSES:
        word.paused = PAUSES[record.type]
    elif record.type in ENDS:
        word.ended = record.type
    else:
        word.arrears, word.ended = total(record.data[ARREARS[record.type]]), ""
        word.version = record.data.get("loan_version") or word.version


def held(service: str, partition: Partition, states: Mapping[str, Document], findings: Findings) -> None:
    """Each loan in the service's states stands as the bank's last word left it."""
    check = f"{service} holds every loan as the bank told it last"
    for (borrower, loan_id), word in last_words(partition).items():
        loan = _loan(states.get(borrower, {}), loan_id)
        if word.arrears is None or (loan is None and word.ended):
            continue  # nothing was ever due, or a loan that ended was forgotten
        findings.looked(check)
        if loan is None:
            findings.found("lost", check, borrower=borrower, loan=loan_id)
            continue
        told = _told(service, word)
        holds = {name: value for name, value in _held(service, loan).items() if name in told}
        if told != holds:
            kind: Kind = "lost" if holds.get("version", 0) < told.get("version", 0) else "reordered"
            findings.found(kind, check, borrower=borrower, loan=loan_id, told=told, holds=holds)


def _loan(state: Document, loan_id: str) -> Document | None:
    loans = state.get("loans", ())
    if isinstance(loans, Mapping):
        return loans.get(loan_id)
    return next((one for one in loans if one["loan_id"] == loan_id), None)


def _told(service: str, word: Last) -> dict[str, Any]:
    """What a service must hold. Only visits keeps the last amount of a loan that ended, beside how it ended."""
    if service == "visits":
        shown = bool(word.ended) and not word.paused  # under a pause visits goes on calling it paused
        return {"arrears": word.arrears, **({"status": ENDS[word.ended]} if shown else {})}
    settled = word.ended and (service == "notifier" or ENDS[word.ended] != "charged_off")
    return {"arrears": ZERO if settled else word.arrears, "version": word.version}


def _held(service: str, loan: Document) -> dict[str, Any]:
    if service == "visits":
        arrears = None if loan["arrears"] is None else Decimal(loan["arrears"])
        settled = loan["status"] == "paid" and arrears == ZERO  # a cure after the payment that left nothing is no news
        return {"arrears": arrears, "status": "cured" if settled else loan["status"]}
    return {"arrears": total(loan.get("arrears", loan)), "version": loan.get("version") or 0}


@dataclass(slots=True)
class Money:
    """What the bank says came and was taken back, per payment: how often, and how much in all."""

    events: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    fees: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    attributed: Counter[str] = field(default_factory=Counter)

    def hear(self, partition: Partition) -> None:
        """Add a partition."""
        for record in partition.first.values():
            if sign := MONEY.get(record.type):
                self.events[record.data["payment_id"]] += 1
                self.amounts[record.data["payment_id"]] += sign * Decimal(record.data["amount"])
        seen: set[int] = set()
        for record in partition.spoken.get("collections.cases.v1", ()):
            if record.sequence not in seen:
                seen.add(record.sequence)
                self._say(record)

    def _say(self, record: Record) -> None:
        if record.type in ("fee.accrued.v1", "fee.reversed.v1"):
            sign = 1 if record.type == "fee.accrued.v1" else -1
            self.fees[record.data["fee_id"]] += sign * Decimal(record.data["amount"])
        elif record.type == "payment.attributed.v1":
            self.attributed[record.data["payment_id"]] += 1


def counted_once(money: Money, rows: Iterable[tuple[str, int, Decimal]], findings: Findings) -> None:
    """Assignment's table of payments holds each payment and each reversal once, to the cent.

    rows: payment id, how many rows, their sum.
    """
    check = "assignment has counted every payment once, to the cent"
    found = {payment: (count, amount) for payment, count, amount in rows}
    findings.looked(check, sum(money.events.values()))
    for payment, events in money.events.items():
        count, amount = found.pop(payment, (0, ZERO))
        about = {"payment": payment, "told": money.amounts[payment], "counted": amount, "rows": count}
        if count != events:
            findings.found("lost" if count < events else "doubled", check, **about)
        elif amount != money.amounts[payment]:
            findings.found("invented", check, **about)
        if money.attributed[payment] != count:
            findings.found("lost" if money.attributed[payment] < count else "doubled", check, **about, why="said")
    for payment, (count, amount) in found.items():
        findings.found("invented", check, payment=payment, rows=count, counted=amount)


def balanced(money: Money, rows: Iterable[tuple[str, str, Decimal, Decimal, Decimal]], findings: Findings) -> None:
    """The fee ledger balances in every transaction, and each fee stands there as it was said.

    rows: transaction, fee, debit, credit, and what the agency's side moved by.
    """
    check = "the fee ledger balances and holds every fee once"
    left = dict(money.fees)
    for transaction, fee, debit, credit, owed in rows:
        findings.looked(check)
        if debit != credit:
            findings.found("invented", check, transaction=transaction, debit=debit, credit=credit)
        left[fee] = left.get(fee, ZERO) - owed
    for fee, rest in left.items():
        if rest:
            findings.found("lost" if rest > 0 else "doubled", check, fee=fee, difference=rest)
