"""The contract as the auditor knows it, written down a second time: who says what where, and who reads it."""

SERVICES = ("notifier", "assignment", "visits", "reporting")
PARTITIONS = 12
LOANS, BORROWERS, SNAPSHOTS, REPORTS = (
    "bank.loans.v1",
    "bank.borrowers.v1",
    "bank.snapshots.v1",
    "agencies.reports.v1",
)
INTAKE = {
    LOANS: SERVICES,
    BORROWERS: SERVICES,
    SNAPSHOTS: ("assignment", "reporting"),
    REPORTS: ("assignment", "visits", "reporting"),
}
"""Topics that outsiders write, and the services that read each."""

SPOKEN = {
    "collections.contacts.v1": ("notifier", "notifier", ("assignment", "visits", "reporting")),
    "collections.cases.v1": ("assignment", "assignment", ("notifier", "visits", "reporting")),
    "collections.agencies.v1": ("assignment", "assignment-agencies", ("notifier", "visits", "reporting")),
    "collections.visits.v1": ("visits", "visits", ("notifier", "assignment", "reporting")),
    "collections.reports.v1": ("reporting", "reporting", ()),
}
"""Topics that services write: by whom, under which source `/arrears/<stream>/<partition>`, read by whom."""

LETTERS = {service: f"{service}.dead-letters.v1" for service in SERVICES}
ARREARS = {
    "loan.overdue.v1": "arrears",
    "loan.payment_received.v1": "arrears_after",
    "loan.payment_reversed.v1": "arrears_after",
}
"""Facts that say what is past due on a loan, and in which field."""

PAUSES = {"loan.paused.v1": True, "loan.resumed.v1": False}
MONEY = {"loan.payment_received.v1": 1, "loan.payment_reversed.v1": -1}
ENDS = {"loan.cured.v1": "cured", "loan.closed.v1": "closed", "loan.charged_off.v1": "charged_off"}
"""Facts after which nothing is collected on a loan, and what visits calls that."""

KEPT = frozenset({*ARREARS, *ENDS, *PAUSES, "fee.accrued.v1", "fee.reversed.v1", "payment.attributed.v1"})
"""Facts whose data the auditor looks into."""


def source_of(topic: str, partition: int) -> str:
    """The source in which a service's topic counts its sequence."""
    return f"/arrears/{SPOKEN[topic][1]}/{partition}"
