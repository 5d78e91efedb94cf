"""Random histories of borrowers: every answer of the gate is held against the oracle, and so is every edge it names.

    python -m tests.rulebook.histories --count 1000000 --seed 1 --workers 2

A history is a borrower's life in a few steps: proposals of the lender, of officers and agencies about several loans
(some at one instant), outcomes, holds, consents, stops, refusals, moves to another province and zone, and a change of
the version in force. Clocks stand with preference where rules begin and end, and where clocks are put forward or back.

A *violation*: allowed though the oracle forbids, or a permit that reaches into a time at which it does. An *unexplained
denial*: denied though the oracle allows, for other reasons than the oracle has, or with a time to retry at which the
oracle still forbids or before which it would have allowed. Exit 1 if there is any.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from services.rulebook.gate import decide
from services.rulebook.question import (
    Consent,
    Contacted,
    Decision,
    History,
    Hold,
    Profile,
    Proposal,
    ProvedDelivery,
    QuietTime,
    StopRequest,
)
from services.rulebook.shelf import Activation, Shelf, load_rulebooks
from tests.rulebook.oracle import forbidding

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEAST = timedelta(microseconds=1)
HOME = {
    "CN": (("CN-GD", "CN-XJ", "CN-BJ", "CN-HL"), ("Asia/Shanghai", "Asia/Urumqi")),
    "US": (
        ("US-NY", "US-CA", "US-AZ", "US-AK", "US-HI"),
        ("America/New_York", "America/Adak", "America/Phoenix"),
    ),
    "IN": (("IN-MH", "IN-DL", "IN-KA"), ("Asia/Kolkata",)),
    "GB": (("GB-ENG", "GB-SCT"), ("Europe/London",)),
}
ABROAD = (
    "America/St_Johns",
    "Australia/Lord_Howe",  # summer time is half an hour
    "America/Asuncion",
    "Asia/Beirut",  # summer time begins at midnight
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "America/Santiago",
)
CHANGES = tuple(
    datetime(2026, *when, tzinfo=UTC) for when in ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1), (9, 6), (4, 4))
)
"""Days around which clocks change somewhere."""

WALLS = (*(time(hour) for hour in (0, 8, 9, 18, 19, 21, 22)), time(2, 30), time(1, 15))
LOANS = (("L-1",), ("L-2",), ("L-3",), ("L-1", "L-2"), ("L-1", "L-2", "L-3"), ())
SOFT = ("CN-FREQ-03", "US-FREQ-01", "US-FREQ-02", "US-FREQ-04", "US-FREQ-04-DAY", "IN-D-04", "IN-D-03", "IN-D-05")
HOLDS = ("dispute", "plan", "promise", "transfer_not_notified", "attorney", "breathing_space", "bereavement")
PROPOSERS = ("notifier", "A-south", "A-north", "officer-7")
EDGES_ONE_IN = 3
"""How often the edges of an answer are looked at; its verdict always is."""


@dataclass
class Tally:
    """What a run found."""

    histories: int = 0
    proposals: int = 0
    allowed: int = 0
    switched: int = 0
    moved: int = 0
    edges: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for name in ("histories", "proposals", "allowed", "switched", "moved", "edges"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rules.update(other.rules)
        self.faults += other.faults


class Life:
    """One borrower's history, and its comparison with the oracle step by step."""

    def __init__(self, seed: str, shelf: Shelf, tally: Tally) -> None:
        self.seed, self.random, self.tally = seed, Random(seed), tally
        self.country = self.random.choices(("CN", "US", "IN", "GB"), (60, 20, 10, 10))[0]
        self.now = self._start()
        self.activations = self._activations()
        self.shelf = shelf.activated(tuple(Activation(self.country, v, at) for at, v in self.activations))
        self.who = Profile(*self._home(), vulnerable=self.random.random() < 0.05)
        self.history = History(proofs=(ProvedDelivery("PF-1", self.now - 9 * DAY, self.now - 4 * DAY),))
        self.count = 0

    # -- the world ----------------------------------------------------------------------------------------------------

    def _start(self) -> datetime:
        if self.random.random() < 0.4:
            return self.random.choice(CHANGES) + self.random.randint(-36, 36) * HOUR
        return datetime(2026, 1, 1, tzinfo=UTC) + self.random.randint(0, 400 * 24 * 60) * MINUTE

    def _activations(self) -> list[tuple[datetime, str]]:
        """Half of the histories see the version change, some twice."""
        if self.random.random() < 0.5:
            return []
        first = self.now + self.random.randint(-24, 96) * HOUR + self.random.choice((0, 0, 1)) * SECOND
        again = [(first + self.random.randint(1, 60) * HOUR, "2")] if self.random.random() < 0.5 else []
        return [(first, "1"), *again]

    def version(self, at: datetime) -> str:
        """The version in force, worked out here from the activations alone."""
        found = "2"
        for since, version in self.activations:
            if since <= at:
                found = version
        return found

    def _home(self) -> tuple[str, str]:
        regions, zones = HOME[self.country]
        chance = self.random.random()
        if chance < 0.01:
            return self.random.choice(("CN-XX", "FR-75", "")), zones[0]
        if chance < 0.02:
            return regions[0], self.random.choice(("", "Mars/Olympus"))
        return self.random.choice(regions), self.random.choice(zones if chance < 0.7 else ABROAD)

    def pass_time(self) -> None:
        kind = self.random.random()
        if kind < 0.25:
            return
        if kind < 0.5:
            self.now = self._edge()
        elif kind < 0.8:
            self.now += self.random.randint(1, 600) * MINUTE + self.random.randint(0, 59) * SECOND
        else:
            self.now += self.random.randint(1, 9) * DAY

    def _edge(self) -> datetime:
        """Where a rule begins or ends on the borrower's clock, or an instant beside it."""
        zone = self._zone()
        day = self.now.astimezone(zone).date() + self.random.randint(0, 1) * DAY
        wall = datetime.combine(day, self.random.choice(WALLS), zone).replace(fold=self.random.randint(0, 1))
        beside = self.random.choice((-SECOND, -LEAST, timedelta(0), timedelta(0), LEAST, SECOND))
        return max(self.now, wall.astimezone(UTC) + beside)

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.who.time_zone)
        except (ValueError, OSError, KeyError):
            return ZoneInfo("UTC")

    # -- steps --------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        self.tally.histories += 1
        self.tally.switched += any(self.now < at for at, _ in self.activations)
        for _ in range(self.random.randint(3, 9)):
            self.pass_time()
            steps, weights = zip(*STEPS.items(), strict=True)
            getattr(self, self.random.choices(steps, weights)[0])()

    def propose(self) -> None:
        """Somebody wants to make a contact; what is allowed is reserved at once."""
        proposal = self._proposal()
        at = max(proposal.at, self.now)
        book = self.shelf.for_region(self.who.region, at)
        decision = decide(proposal, self.history, self.who, book, self.now)
        self.tally.proposals += 1
        self.tally.allowed += decision.allowed
        self.tally.rules.update(reason.rule_id for reason in decision.reasons)
        self._hold_against_the_oracle(proposal, decision, at)
        if decision.allowed:
            made = Contacted(
                proposal.contact_id,
                proposal.channel,
                at,
                proposal.contact_point,
                proposal.loan_ids,
                party=proposal.party,
            )
            self.history = replace(self.history, contacts=(*self.history.contacts, made))

    def crowd(self) -> None:
        """Several want to call at the same instant, about different loans."""
        for _ in range(self.random.randint(2, 5)):
            self.propose()

    def dial_in_vain(self) -> None:
        """Nobody answered, once or several times, just now or in the days before."""
        for _ in range(self.random.randint(1, 4)):
            self.count += 1
            back = self.random.choice((self.random.randint(0, 10), self.random.randint(0, 72 * 60))) * MINUTE
            loans = self.random.choice(LOANS)
            dial = Contacted(f"D-{self.count}", "voice", self.now - back, "T-1", loans, connected=False)
            self.history = replace(self.history, contacts=(*self.history.contacts, dial))

    def settle(self) -> None:
        """Nobody answered a call."""
        lost = {c.contact_id for c in self.history.contacts if c.at <= self.now and self.random.random() < 0.6}
        settled = tuple(
            replace(c, connected=False) if c.channel == "voice" and c.contact_id in lost else c
            for c in self.history.contacts
        )
        self.history = replace(self.history, contacts=settled)

    def cancel(self) -> None:
        if self.history.contacts:
            gone = self.random.choice(self.history.contacts)
            self.history = replace(self.history, contacts=tuple(c for c in self.history.contacts if c is not gone))

    def hold(self) -> None:
        until = self.now + self.random.randint(1, 100) * HOUR if self.random.random() < 0.7 else None
        held = Hold(f"H-{self.count}", self.random.choice(HOLDS), self.now, until)
        self.history = replace(self.history, holds=(*self.history.holds, held))

    def release(self) -> None:
        self.history = replace(self.history, holds=self.history.holds[1:])

    def consent(self) -> None:
        kind = self.random.choice(("night_contact", "channel", "workplace_visit"))
        channel = self.random.choice((None, "sms", "voice", "visit"))
        until = self.now + self.random.randint(1, 200) * HOUR if self.random.random() < 0.6 else None
        given = Consent(f"CO-{self.count}", kind, self.now, channel, until)
        self.who = replace(self.who, consents=(*self.who.consents, given))

    def stop(self) -> None:
        channels = self.random.choice(((), ("sms",), ("voice", "visit")))
        self.history = replace(self.history, stops=(*self.history.stops, StopRequest("SR", self.now, channels)))

    def ask_for_peace(self) -> None:
        start, end = (time(self.random.randint(0, 23), self.random.choice((0, 30))) for _ in range(2))
        asked = QuietTime(start, end, self.random.choice(((), ("voice",), ("sms", "email"))))
        self.who = replace(self.who, quiet_times=(*self.who.quiet_times, asked))

    def move(self) -> None:
        region, zone = self._home()
        self.tally.moved += 1
        self.who = replace(self.who, region=region, time_zone=zone)

    def change(self) -> None:
        """The person's state, a refusal, a wrong number, a new proof."""
        what = self.random.randint(0, 3)
        if what == 0:
            status = self.random.choice(("deceased", "incapacitated", "bankrupt", "active"))
            self.who = replace(self.who, status=status)
        elif what == 1:
            self.history = replace(self.history, refusals=("CPN-1",))
        elif what == 2:
            self.who = replace(self.who, number_invalid=True)
        else:
            end = self.now + self.random.randint(-3, 3) * DAY
            proof = ProvedDelivery("PF-2", end - self.random.choice((5, 178, 180)) * DAY, end)
            self.history = replace(self.history, proofs=(*self.history.proofs, proof))

    def _proposal(self) -> Proposal:
        self.count += 1
        roll, pick = self.random.random, self.random.choice
        channel = self.random.choices(("voice", "sms", "visit", "email", "letter"), (45, 20, 20, 10, 5))[0]
        later = self.random.randint(0, 72) * HOUR if channel == "visit" or roll() < 0.05 else timedelta(0)
        at = self.now + later
        common = {
            "contact_id": f"N-{self.count}",
            "channel": channel,
            "at": at,
            "until": at + self.random.randint(1, 30) * HOUR if channel == "visit" or roll() < 0.1 else None,
            "loan_ids": pick(LOANS),
            "contact_point": pick(("T-1", "T-1", "T-2", None)),
            "contact_source": "contract" if roll() < 0.97 else pick((None, "bought")),
            "proposed_by": pick(PROPOSERS),
            "overrides": {pick(SOFT): pick(("asked for", ""))} if roll() < 0.15 else {},
            "products": pick(((), ("consumer_loan",), ("credit_card",), ("micro_loan", "consumer_loan"))),
            "verified_on": date(2026, 1, 1),
            "private_device": roll() < 0.02,
            "recording": roll() < 0.95,
        }
        return Proposal(**common, **self._whom(channel), **self._visit(channel))

    def _whom(self, channel: str) -> dict[str, object]:
        if channel == "voice" and self.random.random() < 0.2:
            purpose, person = (
                self.random.choice(("location", "location", "call")),
                self.random.choice(("CPN-1", "CPN-2")),
            )
            return {"party": "contact_person", "purpose": purpose, "person_id": person}
        return {"party": self.random.choice(("debtor",) * 9 + ("guarantor",)), "purpose": "call"}

    def _visit(self, channel: str) -> dict[str, object]:
        if channel != "visit":
            return {}
        pick = self.random.choice
        return {
            "place": pick(("home", "home", "registered", "work", "school", "chosen", None)),
            "team": pick((("S-1", "S-2"),) * 8 + (("S-1",), ("S-1", "S-1"))),
            "proof_id": pick(("PF-1",) * 6 + ("PF-2", None)),
        }

    # -- the oracle ---------------------------------------------------------------------------------------------------

    def _forbidding(self, proposal: Proposal, at: datetime) -> frozenset[str]:
        return forbidding((self.country, self.version(at)), proposal, self.history, self.who, at)

    def _hold_against_the_oracle(self, proposal: Proposal, decision: Decision, at: datetime) -> None:
        expected = self._forbidding(proposal, at)
        found = frozenset(reason.rule_id for reason in decision.reasons) if not decision.allowed else frozenset()
        if decision.allowed and expected:
            self._fault("violation", f"allowed, though {sorted(expected)}", proposal, at)
        elif not decision.allowed and found != expected:
            self._fault("unexplained", f"denied by {sorted(found)}, oracle {sorted(expected)}", proposal, at)
        elif self.random.randrange(EDGES_ONE_IN) == 0 and not any(rule.startswith("GATE") for rule in expected):
            self.tally.edges += 1
            (self._permit if decision.allowed else self._retry)(proposal, decision, at)

    def _permit(self, proposal: Proposal, decision: Decision, at: datetime) -> None:
        """Until it expires a permit holds."""
        ends = decision.expires_at
        if ends is None or ends <= at:
            return self._fault("violation", f"a permit that ends at {ends}", proposal, at)
        for moment in (*self._between(at, ends), ends - LEAST):
            if expected := self._forbidding(proposal, moment):
                return self._fault("violation", f"permit until {ends}, at {moment} {sorted(expected)}", proposal, at)
        return None

    def _retry(self, proposal: Proposal, decision: Decision, at: datetime) -> None:
        """Before the time to retry nothing is allowed; at it something is, or another version judges."""
        again = replace(proposal, until=None)
        until = decision.retry_at or at + 60 * DAY
        for moment in (*self._between(at, until), until - LEAST):
            if not self._forbidding(again, moment):
                return self._fault("unexplained", f"retry at {decision.retry_at}, free at {moment}", proposal, at)
        switches = {since for since, _ in self.activations}
        if decision.retry_at is None or decision.retry_at in switches:
            return None
        if expected := self._forbidding(again, decision.retry_at):
            return self._fault("unexplained", f"retry {decision.retry_at}: {sorted(expected)}", proposal, at)
        return None

    def _between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Two instants, the first one possible, the last one not."""
        width = (last - first) // LEAST
        return (first + self.random.randrange(width) * LEAST for _ in range(2))

    def _fault(self, kind: str, what: str, proposal: Proposal, at: datetime) -> None:
        zone = self.who.time_zone
        self.tally.faults.append(
            f"{kind}: history {self.seed}, {proposal.contact_id} {proposal.channel} at {at} ({zone}): {what}"
        )


STEPS = {
    "propose": 55,
    "crowd": 8,
    "dial_in_vain": 8,
    "settle": 6,
    "cancel": 2,
    "hold": 5,
    "release": 3,
    "consent": 5,
    "stop": 1,
    "ask_for_peace": 3,
    "move": 4,
    "change": 4,
}


def live(seed: int, first: int, count: int, shelf: Shelf | None = None) -> Tally:
    """So many histories, each with a seed of its own, so that any can be lived again alone."""
    tally, books = Tally(), shelf or load_rulebooks()
    for number in range(first, first + count):
        Life(f"{seed}/{number}", books, tally).live()
    return tally


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rulebook.histories", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first history")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="so many faults are printed")
    chosen = parser.parse_args(arguments)
    tally, part = Tally(), 2_000
    starts = range(chosen.first, chosen.first + chosen.count, part)
    sizes = [min(part, chosen.first + chosen.count - start) for start in starts]
    with ProcessPoolExecutor(chosen.workers) as pool:
        for done in pool.map(live, [chosen.seed] * len(sizes), starts, sizes):
            tally.add(done)
    return _report(tally, chosen.show)


def _report(tally: Tally, show: int) -> int:
    say = sys.stdout.write
    kinds = Counter(fault.partition(":")[0] for fault in tally.faults)
    for fault in tally.faults[:show]:
        say(f"{fault}\n")
    say(f"{tally.histories} histories, {tally.switched} over a change of version, {tally.moved} moves\n")
    say(f"{tally.proposals} proposals, {tally.allowed} allowed, {tally.edges} with their edges looked at\n")
    say(f"rules that denied: {len(tally.rules)}: {', '.join(f'{r} {n}' for r, n in sorted(tally.rules.items()))}\n")
    say(f"{kinds['violation']} violations, {kinds['unexplained']} unexplained denials\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
