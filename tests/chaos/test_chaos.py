"""A short chaos run on real processes: nothing lost, doubled, invented or reordered, and enough happened."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 280
FAULTS = "kill,freeze,raise,partition,reset,duplicate"


@pytest.mark.stack
def test_a_short_run_under_fire_loses_and_doubles_nothing(tmp_path):
    report, plan = tmp_path / "report.json", tmp_path / "plan.json"
    story = ["--seed", "11", "--events", "3000", "--days", "12", "--day-seconds", "3"]
    hurt = ["--kills", "6", "--faults", FAULTS, "--plan", str(plan)]
    kept = ["--json", str(report), "--html", str(tmp_path / "report.html"), "--var", str(tmp_path / "run")]
    command = [sys.executable, "-m", "tests.chaos", *story, *hurt, *kept]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found = json.loads(report.read_text())
    assert not any(found["found"].values())
    assert found["inputs"] >= 3000
    assert found["evidence"]["workers killed"] >= 6
    assert json.loads(plan.read_text())["seed"] == 11
