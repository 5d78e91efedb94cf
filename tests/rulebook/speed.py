"""How many decisions a second the pure gate takes on one core, and where the time goes. Printed, never a timed test.

    python -m tests.rulebook.speed --seconds 5 --profile

The proposals are those of a working day: mostly messages and calls at open hours to borrowers with a few contacts
behind them, some at night, some on hold, some visits. CPU time is measured, so that other work on the machine counts
little.
"""

import argparse
import cProfile
import pstats
import sys
import time
from datetime import UTC, datetime, timedelta
from random import Random

from services.rulebook.gate import decide
from services.rulebook.packs import Rulebook
from services.rulebook.question import Contacted, History, Hold, Profile, Proposal, ProvedDelivery
from services.rulebook.shelf import load_rulebooks

Case = tuple[Proposal, History, Profile, Rulebook | None, datetime]
MORNING = datetime(2026, 3, 4, 0, 0, tzinfo=UTC)
MIX = {"sms": 45, "voice": 30, "email": 10, "visit": 10, "letter": 5}


def a_days_work(count: int, seed: int) -> list[Case]:
    random, book = Random(seed), load_rulebooks().in_force("CN", MORNING)
    return [_case(number, random, book) for number in range(count)]


def _case(number: int, random: Random, book: Rulebook | None) -> Case:
    channel = random.choices(list(MIX), list(MIX.values()))[0]
    at = MORNING + timedelta(minutes=random.randint(-60, 800), seconds=random.randint(0, 59))
    behind = tuple(
        Contacted(f"X-{n}", random.choice(list(MIX)), at - timedelta(hours=random.randint(1, 200)), "T-1", ("L-1",))
        for n in range(random.randint(0, 5))
    )
    holds = (Hold("H-1", "promise", at - timedelta(days=1), at + timedelta(days=2)),) if random.random() < 0.05 else ()
    proofs = (ProvedDelivery("PF-1", at - timedelta(days=9), at - timedelta(days=4)),)
    visit = {"place": "home", "team": ("S-1", "S-2"), "proof_id": "PF-1", "until": at + timedelta(hours=3)}
    proposal = Proposal(
        contact_id=f"N-{number}",
        channel=channel,
        purpose="notice",
        at=at,
        loan_ids=("L-1",),
        contact_point="T-1",
        contact_source="contract",
        products=("consumer_loan",),
        recording=True,
        **(visit if channel == "visit" else {}),
    )
    return proposal, History(behind, holds, (), proofs), Profile("CN-GD", "Asia/Shanghai"), book, at


def measured(cases: list[Case], seconds: float) -> tuple[int, float, int]:
    """Decisions, CPU seconds, and how many of them were allowances."""
    count = allowed = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for case in cases:
            allowed += decide(*case).allowed
        count += len(cases)
    return count, spent, allowed


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rulebook.speed", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    chosen = parser.parse_args(arguments)
    cases = a_days_work(5_000, chosen.seed)
    measured(cases, 0.2)
    count, spent, allowed = measured(cases, chosen.seconds)
    sys.stdout.write(f"{count / spent:,.0f} decisions a second per core ({1e6 * spent / count:.1f} µs each; ")
    sys.stdout.write(f"{count} in {spent:.1f} s of CPU, {allowed / count:.0%} allowed)\n")
    if chosen.profile:
        profiled = cProfile.Profile()
        profiled.runcall(measured, cases, chosen.seconds)
        pstats.Stats(profiled).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main(sys.argv[1:])
