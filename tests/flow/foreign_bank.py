"""A bank that shares no code with the project: confluent-kafka, and JSON as the contract writes it.

Run as a program: `python foreign_bank.py BOOTSTRAP FACTOR SECONDS`. It publishes overdue loans, listens to what the
collections say, pays for half of the borrowers as soon as a visit to them is planned, and prints one JSON document:
for each borrower the types of everything that was said about it, in the order of the topics.
"""

import json
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta

from confluent_kafka import Consumer, Producer

HEADERS = {"content-type": "application/cloudevents+json; charset=utf-8"}
BORROWERS = [f"F-{number}" for number in range(1, 9)]
PAYING = set(BORROWERS[::2])
LISTENED = ["collections.contacts.v1", "collections.cases.v1", "collections.visits.v1"]
VISITED = {"visit.completed.v1", "visit.no_contact.v1", "visit.refused.v1"}


class Bank:
    """Says facts about loans at the pace of a clock `factor` times as fast as the true one."""

    def __init__(self, bootstrap, factor):
        settings = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random"}
        self.producer = Producer(settings)
        self.began, self.factor = datetime.now(UTC), factor

    def now(self):
        return self.began + (datetime.now(UTC) - self.began) * self.factor

    def today(self):
        return (self.now() + timedelta(hours=8)).date()

    def say(self, topic, type_, subject, data):
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/foreign/core",
            "type": type_,
            "time": self.now().isoformat(),
            "subject": subject,
            "datacontenttype": "application/json",
            "data": data,
        }
        self.producer.produce(topic, key=data["borrower_id"], value=json.dumps(event), headers=HEADERS)
        self.producer.poll(0)

    def record(self, borrower):
        self.say("bank.borrowers.v1", "borrower.recorded.v1", borrower, {
            "borrower_id": borrower, "region": "CN-GD", "time_zone": "Asia/Shanghai", "language": "zh-CN",
            "name": "某某", "phones": [{"phone_id": "T-1", "number": "+8610000000001", "source": "contract"}],
            "emails": [{"email_id": "M-1", "address": f"{borrower.lower()}@example.com", "source": "contract"}],
            "addresses": [{"address_id": "A-1", "kind": "home", "text": "广东省示例市示例路1号",
                           "latitude": "23.1291", "longitude": "113.2644", "source": "contract"}],
            "contact_persons": [], "status": "active", "vulnerable": False,
            "consents": [{"consent_id": "C-1", "kind": "channel", "channel": "email",
                          "given_at": "2026-01-05T10:00:00+08:00", "evidence": "contract"}],
        })  # fmt: skip

    def overdue(self, borrower, days=12):
        self.say("bank.loans.v1", "loan.overdue.v1", f"L-{borrower}", {
            **self._about(borrower), "product": "consumer_loan", "business_date": self.today().isoformat(),
            "oldest_due_date": (self.today() - timedelta(days=days)).isoformat(), "days_past_due": days,
            "arrears": {"principal": "1200.00", "interest": "60.50", "fees": "0.00"},
            "outstanding_principal": "18000.00", "region": "CN-GD",
        })  # fmt: skip

    def paid(self, borrower):
        nothing = {"principal": "0.00", "interest": "0.00", "fees": "0.00"}
        self.say("bank.loans.v1", "loan.payment_received.v1", f"L-{borrower}", {
            **self._about(borrower), "payment_id": f"PAY-{borrower}", "amount": "1260.50",
            "value_date": self.today().isoformat(), "arrears_after": nothing, "days_past_due_after": 0,
        })  # fmt: skip
        cured = {"loan_id": f"L-{borrower}", "borrower_id": borrower, "business_date": self.today().isoformat()}
        self.say("bank.loans.v1", "loan.cured.v1", f"L-{borrower}", cured)

    def _about(self, borrower):
        return {"loan_id": f"L-{borrower}", "borrower_id": borrower, "currency": "CNY"}


def finished(said):
    """Every paying borrower's case is closed and every other one has been visited."""
    return all("case.closed.v1" in said[each] if each in PAYING else VISITED & set(said[each]) for each in BORROWERS)


def play(bootstrap, factor, seconds):
    """Publish, listen, pay. Return borrower → types said about it."""
    bank, said = Bank(bootstrap, factor), {each: [] for each in BORROWERS}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "foreign", "auto.offset.reset": "earliest"})
    consumer.subscribe(LISTENED)
    for borrower in BORROWERS:
        bank.record(borrower)
        bank.overdue(borrower)
    bank.producer.flush()
    ends = time.monotonic() + seconds
    while not finished(said) and time.monotonic() < ends:
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        borrower, type_ = message.key().decode(), json.loads(message.value())["type"]
        said[borrower].append(type_)
        if type_ == "visit.planned.v1" and borrower in PAYING and said[borrower].count(type_) == 1:
            bank.paid(borrower)
            bank.producer.flush()
    consumer.close()
    return said


if __name__ == "__main__":
    sys.stdout.write(json.dumps(play(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))))
