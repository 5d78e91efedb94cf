"""A made-up town of borrowers whose histories keep every law: for permutations, for speed, and for looking at pages."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from schemas import agencies, bank, cases, contacts, visits
from schemas.envelope import Event, Fact
from schemas.values import Arrears, Reason
from tests.reporting.log import NOTHING, TODAY, Log, allowed, attributed, closed, day, opened, overdue, paid, sent

REGIONS = ("CN-GD", "CN-ZJ", "CN-SC", "CN-HB")
PRODUCTS = ("consumer_loan", "micro_loan", "credit_card")
AGENCIES = (
    ("A-north", "北方信用管理有限公司", 40),
    ("A-harbour", "Harbour Collections", 35),
    ("A-willow", "柳岸资产服务", 25),
)
BASIS_POINTS = 1200
DISPOSITIONS = ("promise", "plan_agreed", "refused", "not_home", "moved", "paid_part", "hardship", "third_party_only")
REASONS = ("unemployment", "illness", "overindebted", "forgot", "unwilling", "business_failure")


@dataclass
class Town:
    """Tells histories into a log, borrower by borrower; the log is then put in the order of time."""

    seed: int = 1
    days: int = 60

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.plans: list[tuple[datetime, str, Callable[[dict[str, Event[Fact]]], Fact], str, str]] = []

    def say(self, at: datetime, name: str, build: Callable[[], Fact], cause: str = "") -> str:
        """Plan a fact. `name` is how later ones refer to it as their cause."""
        self.plans.append((at, name, lambda _known: build(), cause, name))
        return name

    def log(self, borrowers: int) -> Log:
        """The whole town as a log."""
        self._agencies()
        for number in range(borrowers):
            self._borrower(f"B{number:05d}")
        log, known = Log(), {}
        for at, name, build, cause, _ in sorted(self.plans, key=lambda p: p[0]):
            known[name] = log.tell(build(known), at, known.get(cause))
        return log

    def _agencies(self) -> None:
        for agency, name, share in (*AGENCIES, ("in-house", "自营团队", 0)):
            self.say(
                day(-2),
                f"reg {agency}",
                lambda a=agency, n=name, s=share: agencies.AgencyRegistered(
                    agency_id=a,
                    name=n,
                    in_house=a == "in-house",
                    regions=REGIONS,
                    products=PRODUCTS,
                    capacity=500,
                    target_share=s,
                    contact="ops",
                ),
            )
            if agency != "in-house":
                self.say(
                    day(-2),
                    f"man {agency}",
                    lambda a=agency: agencies.MandateSigned(
                        agency_id=a,
                        mandate_id=f"M-{a}",
                        authority=("visit",),
                        from_date=TODAY,
                        until_date=date(2027, 1, 1),
                        fee_basis_points=BASIS_POINTS,
                        data_categories=("address",),
                    ),
                )

    def _borrower(self, b: str) -> None:
        pick, loan = self.random, f"L-{b}"
        begins = pick.randrange(0, max(self.days - 1, 1)) + pick.random() / 3
        owed = Decimal(pick.randrange(20_000, 900_000)) / 100
        debt = Arrears(principal=owed, interest=(owed / 20).quantize(Decimal("0.01")), fees=Decimal("5.00"))
        region, product, principal = pick.choice(REGIONS), pick.choice(PRODUCTS), owed * 12
        start, end = day(begins), day(self.days)
        ends_after = pick.choice((2, 5, 9, 14, 20, 26, 33, 45, 70))
        cured = begins + ends_after < self.days
        stop = min(begins + ends_after, self.days)

        def due(number: int) -> Callable[[], Fact]:
            on = (start + timedelta(days=number)).date()
            return lambda: overdue(
                b, loan, number + 1, on, debt, region=region, product=product, outstanding_principal=principal
            )

        first = self.say(start, f"{b} o0", due(0))
        for number in range(1, int(stop - begins) + 1):
            self.say(start + timedelta(days=number), f"{b} o{number}", due(number))
        case = f"C-{b}-1"
        common: dict[str, Any] = {"case_id": case, "borrower_id": b}
        self.say(
            start + timedelta(seconds=2),
            f"{b} case",
            lambda: opened(
                b,
                at=start,
                arrears=debt,
                region=region,
                products=(product,),
                segment=pick.choice(("standard", "self_cure", "high_risk")),
                arm=pick.choice(("champion", "challenger")),
            ),
            first,
        )
        paths = self._notices(b, begins, stop, first, debt)
        placed = (
            self._placement(b, begins, stop, debt, common=common, region=region)
            if stop - begins > 22 and paths
            else None
        )
        if not cured:
            return
        ended = day(stop)
        pay = self.say(
            ended,
            f"{b} pay",
            lambda: paid(b, loan, payment=f"X-{b}", amount=str(debt.total), left=NOTHING, on=ended.date()),
        )
        moment = ended + timedelta(seconds=1)
        to = "agency" if placed and placed != "in-house" else "in_house"
        more = {"agency_id": placed, "placement_id": f"P-{b}-1"} if placed else {}
        self.say(moment, f"{b} att", lambda: attributed(b, f"X-{b}", str(debt.total), to, **more), pay)
        if to == "agency":
            fee = (debt.total * BASIS_POINTS / 10_000).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
            self.say(
                moment,
                f"{b} fee",
                lambda: cases.FeeAccrued(
                    **common,
                    fee_id=f"F-{b}",
                    placement_id=f"P-{b}-1",
                    agency_id=placed,
                    payment_id=f"X-{b}",
                    loan_id=loan,
                    currency="CNY",
                    amount=fee,
                    basis_points=BASIS_POINTS,
                ),
                pay,
            )
        if placed:
            self.say(
                moment,
                f"{b} recall",
                lambda: cases.PlacementRecalled(
                    **common,
                    placement_id=f"P-{b}-1",
                    agency_id=placed,
                    reason="paid",
                    cause="cured",
                    recalled_at=moment,
                    attest_by=moment + timedelta(days=3),
                ),
                pay,
            )
            if moment + timedelta(days=1) < end:
                self.say(
                    moment + timedelta(days=1),
                    f"{b} ended",
                    lambda: cases.PlacementEnded(
                        **common,
                        placement_id=f"P-{b}-1",
                        agency_id=placed,
                        attested_at=moment + timedelta(days=1),
                        on_time=True,
                    ),
                )
        self.say(moment, f"{b} closed", lambda: closed(b, at=moment, stage="placed" if placed else "open"), pay)
        self.say(
            ended + timedelta(seconds=3),
            f"{b} cured",
            lambda: bank.LoanCured(loan_id=loan, borrower_id=b, business_date=ended.date()),
        )

    def _notices(self, b: str, begins: float, stop: float, first: str, debt: Arrears) -> list[str]:
        steps = (("reminder", "sms", 0.01), ("notice", "sms", 4.0), ("letter", "letter", 10.0))
        done = []
        for number, (step, channel, after) in enumerate(steps, 1):
            if begins + after + 1.5 > stop:
                break
            at = day(begins + after)
            cause = first if number == 1 else ""
            if self.random.random() < 0.1:
                self.say(
                    at - timedelta(hours=1),
                    f"{b} d{number}",
                    lambda a=at, n=number, s=step, c=channel: contacts.ContactDenied(
                        contact_id=f"N-{b}-{n}",
                        borrower_id=b,
                        loan_ids=(f"L-{b}",),
                        channel=c,
                        purpose=s,
                        proposed_by="notifier",
                        proposed_for=a,
                        decided_at=a,
                        local_time="21:30",
                        time_zone="Asia/Shanghai",
                        rulebook="CN 1",
                        known_as_of=a,
                        retry_at=a,
                        reasons=(
                            Reason(
                                rule_id=self.random.choice(("CN-TIME-01", "CN-TIME-02", "GATE-POINT")),
                                text="quiet hours",
                            ),
                        ),
                    ),
                )
            may = self.say(
                at, f"{b} a{number}", lambda a=at, n=number, s=step, c=channel: allowed(b, f"N-{b}-{n}", a, s, c), cause
            )
            sent_at = at + timedelta(milliseconds=self.random.randrange(150, 2500))
            self.say(
                sent_at,
                f"{b} s{number}",
                lambda a=sent_at, n=number, s=step, c=channel: sent(b, n, at=a, step=s, channel=c, owed=debt),
                may,
            )
            kind = self.random.random()
            receipt = sent_at + timedelta(hours=2)
            named = {
                "notice_id": f"N-{b}-{number}",
                "borrower_id": b,
                "loan_ids": (f"L-{b}",),
                "step": step,
                "channel": channel,
            }
            if kind < 0.88:
                self.say(
                    receipt,
                    f"{b} r{number}",
                    lambda k=named, a=receipt: contacts.NoticeDelivered(
                        **k,
                        delivered_at=a,
                        proof=contacts.Proof(
                            proof_id=f"PF-{k['notice_id']}",
                            kind="delivery_receipt",
                            carrier_reference="r",
                            received_at=a,
                            digest="0" * 64,
                        ),
                    ),
                )
            elif kind < 0.95:
                self.say(
                    receipt,
                    f"{b} r{number}",
                    lambda k=named, a=receipt: contacts.NoticeFailed(**k, failed_at=a, reason="no such number"),
                )
            done.append(step)
            if step == "notice" and self.random.random() < 0.25 and begins + after + 8 < stop:
                self._promise(b, begins + after + 0.4, stop)
        return done if len(done) == 3 else []

    def _promise(self, b: str, at: float, stop: float) -> None:
        made, decided = day(at), day(at + 5)
        named: dict[str, Any] = {
            "case_id": f"C-{b}-1",
            "borrower_id": b,
            "promise_id": f"PR-{b}-1",
            "loan_ids": (f"L-{b}",),
            "currency": "CNY",
            "amount": Decimal("300.00"),
            "due_on": (made + timedelta(days=2)).date(),
        }
        said = self.say(
            made,
            f"{b} ans",
            lambda: contacts.NoticeAnswered(
                answer_id=f"AN-{b}",
                notice_id=f"N-{b}-2",
                borrower_id=b,
                loan_ids=(f"L-{b}",),
                answer="promise",
                answered_at=made,
            ),
        )
        self.say(
            made + timedelta(seconds=1),
            f"{b} pm",
            lambda: cases.PromiseMade(**named, made_at=made, via="notice", grace_days=3, threshold_percent=90),
            said,
        )
        if at + 5 > stop:
            return
        kind = self.random.random()
        if kind < 0.5:
            build = lambda: cases.PromiseKept(**named, paid=Decimal("300.00"), decided_at=decided)  # noqa: E731
        elif kind < 0.6:
            build = lambda: cases.PromisePartlyKept(**named, paid=Decimal("120.00"), decided_at=decided)  # noqa: E731
        else:
            build = lambda: cases.PromiseBroken(**named, paid=Decimal("0.00"), decided_at=decided)  # noqa: E731
        self.say(decided, f"{b} pd", build)

    def _placement(
        self, b: str, begins: float, stop: float, debt: Arrears, *, common: dict[str, Any], region: str
    ) -> str:
        agency = self.random.choices([a for a, _, _ in AGENCIES], [45, 30, 25])[0]
        at = day(begins + 16)
        ident = {**common, "placement_id": f"P-{b}-1", "agency_id": agency}
        terms: dict[str, Any] = {
            "loan_ids": (f"L-{b}",),
            "currency": "CNY",
            "arrears": debt,
            "days_past_due": 17,
            "region": region,
            "mandate_id": f"M-{agency}",
            "proof_id": f"PF-N-{b}-3",
        }
        self.say(
            at - timedelta(hours=6),
            f"{b} un",
            lambda: contacts.NoticeUnanswered(
                borrower_id=b,
                loan_ids=(f"L-{b}",),
                currency="CNY",
                arrears=debt,
                days_past_due=16,
                notices=(),
                response_window_days=5,
                window_ended_at=at,
                proof_id=f"PF-N-{b}-3",
            ),
        )
        self.say(
            at - timedelta(hours=5),
            f"{b} st1",
            lambda: cases.CaseStageChanged(**common, before="open", after="noticed", changed_at=at),
            f"{b} un",
        )
        self.say(
            at - timedelta(hours=5),
            f"{b} po",
            lambda: cases.PlacementOffered(
                **ident,
                **terms,
                offered_at=at,
                answer_by=at + timedelta(days=2),
                attempt=1,
                candidates=(),
                reason="share gap",
            ),
            f"{b} un",
        )
        self.say(
            at,
            f"{b} acc",
            lambda: agencies.PlacementAccepted(
                report_id=f"R-{b}", borrower_id=b, agency_id=agency, placement_id=f"P-{b}-1", accepted_at=at
            ),
        )
        self.say(
            at + timedelta(seconds=1),
            f"{b} pa",
            lambda: cases.PlacementActivated(**ident, **terms, activated_at=at, ends_at=at + timedelta(days=30)),
            f"{b} acc",
        )
        self.say(
            at + timedelta(seconds=1),
            f"{b} st2",
            lambda: cases.CaseStageChanged(**common, before="noticed", after="placed", changed_at=at),
            f"{b} acc",
        )
        self._visits(b, begins + 17, stop, ident)
        return agency

    def _visits(self, b: str, at: float, stop: float, ident: dict[str, Any]) -> None:
        for attempt in (1, 2, 3):
            if at + 1.2 > stop:
                return
            v, when = f"V-{b}-{attempt}", day(at)
            named = {**ident, "visit_id": v, "loan_ids": (f"L-{b}",)}
            window = {"window_start": when + timedelta(hours=20), "window_end": when + timedelta(hours=23)}
            came = when + timedelta(hours=21)
            self.say(
                when,
                f"{v} q",
                lambda n=named, w=window, k=attempt, a=when: visits.VisitPermitRequested(
                    **n,
                    **w,
                    address_id="AD-1",
                    place="home",
                    team=("S1", "S2"),
                    proof_id="PF",
                    attempt=k,
                    requested_at=a,
                ),
            )
            self.say(
                when + timedelta(seconds=1), f"{v} a", lambda v=v, a=when: allowed(b, v, a, "visit", "visit"), f"{v} q"
            )
            self.say(
                when + timedelta(seconds=2),
                f"{v} p",
                lambda n=named, w=window, k=attempt: visits.VisitPlanned(
                    **n,
                    **w,
                    address_id="AD-1",
                    team=("S1", "S2"),
                    documents=("letter",),
                    strategy="1",
                    proof_id="PF",
                    permit_id="PM",
                    attempt=k,
                ),
                f"{v} a",
            )
            if self.random.random() < 0.1:
                self.say(
                    when + timedelta(hours=3),
                    f"{v} x",
                    lambda n=named, a=when: visits.VisitCancelled(
                        **n, reason="no_team", cause="CN-ST-01", cancelled_at=a, stage="planned"
                    ),
                )
                return
            self.say(came, f"{v} v", lambda n=named, a=came: visits.VisitArrived(**n, arrived_at=a, known_as_of=a))
            disposition, reason = self.random.choice(DISPOSITIONS), self.random.choice(REASONS)
            done = came + timedelta(minutes=40)
            met = disposition not in {"not_home", "moved", "third_party_only"}
            result = agencies.VisitResult(disposition=disposition, reason_for_default=reason if met else None)  # type: ignore[arg-type]
            if disposition == "refused":
                self.say(
                    done,
                    f"{v} e",
                    lambda n=named, r=result, a=came: visits.VisitRefused(
                        **n,
                        arrived_at=a,
                        result=r,
                        conduct=agencies.Conduct(identity_shown=True),
                        reported_at=a,
                        on_time=True,
                    ),
                )
            elif met:
                self.say(
                    done,
                    f"{v} e",
                    lambda n=named, r=result, a=came: visits.VisitCompleted(
                        **n,
                        arrived_at=a,
                        completed_at=a,
                        result=r,
                        conduct=agencies.Conduct(identity_shown=True),
                        reported_at=a,
                        on_time=True,
                    ),
                )
            else:
                self.say(
                    done,
                    f"{v} e",
                    lambda n=named, r=result, a=came, k=attempt: visits.VisitNoContact(
                        **n, arrived_at=a, result=r, attempt=k, attempts_left=3 - k, reported_at=a, on_time=True
                    ),
                )
            self.say(
                done + timedelta(hours=1),
                f"{v} s",
                lambda n=named, a=done: visits.VisitEvidenceSealed(
                    **n, digests=(), previous="", chain="", complete=self.random.random() < 0.9, sealed_at=a
                ),
            )
            if met:
                return
            at += 7
