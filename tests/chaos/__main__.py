"""`make chaos`: kill, freeze, cut and fill; then let a program that shares no code with us count what came of it."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from deploy.local.stack import CHECKOUT, DEFAULT_VAR, ending_on_signals, holder
from tests.chaos.cluster import Cluster, running_cluster
from tests.chaos.director import Director, NotQuiet
from tests.chaos.journal import Journal
from tests.chaos.plan import FAULTS, Plan, described, make_plan

EVENTS_PER_SECOND = 110
"""At this pace of the bank's story two cores keep up with eight workers, broker and database."""

DAY_SECONDS_MIN = 2.5
FAILED, MISUSE = 1, 2


def main() -> int:
    """Run; answer 0 when nothing was lost, doubled, invented or reordered and enough happened."""
    told = _arguments()
    try:
        plan = Plan.load(told.plan) if told.plan and told.plan.exists() else _plan(told)
    except ValueError as error:
        sys.stderr.write(f"chaos: {error}\n")
        return MISUSE
    var = told.var or DEFAULT_VAR / "chaos" / f"seed-{plan.seed}"
    if holder(var) is not None:
        sys.stderr.write(f"chaos: {var} is in use by process {holder(var)}\n")
        return MISUSE
    shutil.rmtree(var, ignore_errors=True)
    var.mkdir(parents=True)
    status = FAILED
    with ending_on_signals():
        status = _run(plan, var, told)
    if told.keep or status:
        sys.stderr.write(f"chaos: everything lies in {var}\n")
    else:
        shutil.rmtree(var, ignore_errors=True)
    return status


def _plan(told: argparse.Namespace) -> Plan:
    day_seconds = told.day_seconds or max(DAY_SECONDS_MIN, told.events / told.days / EVENTS_PER_SECOND)
    faults = [fault.strip() for fault in told.faults.split(",") if fault.strip()]
    return make_plan(told.seed, told.events, told.kills, faults, days=told.days, day_seconds=day_seconds)


def _run(plan: Plan, var: Path, told: argparse.Namespace) -> int:
    begun = time.monotonic()
    with running_cluster(var, plan) as cluster:
        plan.save(cluster.folder / "plan.json")
        if told.plan and not told.plan.exists():
            plan.save(told.plan)
        journal = Journal(cluster.folder / "journal.jsonl")
        journal.write("plan", seed=plan.seed, events=plan.events, **described(plan.steps))
        try:
            Director(plan, cluster, journal).run()
        except NotQuiet as error:
            journal.write("given up", why=str(error))
        status = _audit(cluster, told)
    sys.stderr.write(f"chaos: {time.monotonic() - begun:.0f} s, status {status}\n")
    return status


def _audit(cluster: Cluster, told: argparse.Namespace) -> int:
    """The auditor is a program of its own, told where to read and nothing else."""
    reports = [part for name in ("json", "html") if (path := getattr(told, name)) for part in (f"--{name}", str(path))]
    asked = ["--bootstrap", cluster.bootstrap, "--database", cluster.database_url, "--run", str(cluster.folder)]
    print_dir = ["--letters", cluster.settings["ARREARS_PRINT_DIR"]]
    command = [sys.executable, "-m", "tests.chaos.auditor", *asked, *print_dir, *reports]
    environment = {**os.environ, "ARREARS_LINK_KEY": cluster.settings["ARREARS_LINK_KEY"]}
    return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=5_000, help="facts of the bank, before copies")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--faults", default=",".join(FAULTS), help="any of " + ",".join(FAULTS))
    parser.add_argument("--days", type=int, default=40, help="business days that the bank's story takes")
    parser.add_argument("--day-seconds", type=float, help="true seconds of a business day")
    parser.add_argument("--json", type=Path, help="write the report for machines")
    parser.add_argument("--html", type=Path, help="write the report as one page")
    parser.add_argument("--plan", type=Path, help="a fault plan: played if the file is there, else written")
    parser.add_argument("--var", type=Path, help="the folder of the run")
    parser.add_argument("--keep", action="store_true", help="keep data and logs also when all is well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
