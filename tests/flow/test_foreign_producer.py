"""A bank that shares no code with the project drives the whole flow through `arrears up`, to the door and back."""

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from deploy.local.stack import DEFAULT_VAR
from tests.flow import foreign_bank
from tests.flow.foreign_bank import BORROWERS, PAYING, VISITED

pytestmark = pytest.mark.stack
FACTOR = 18_000  # a day in 4.8 s
SECONDS_MAX = 240


def arrears(*arguments):
    """The program as an operator runs it; its answer from --json."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Everything that was said about the foreign bank's borrowers, and what the dead letters hold."""
    var = DEFAULT_VAR / "scratch" / uuid.uuid4().hex[:8]
    endpoints = arrears("up", "--var", str(var), "--clock", str(FACTOR))
    try:
        lonely = shutil.copy(foreign_bank.__file__, tmp_path_factory.mktemp("foreign"))
        done = subprocess.run(
            [sys.executable, "-P", Path(lonely).name, endpoints["kafka"], str(FACTOR), str(SECONDS_MAX)],
            cwd=Path(lonely).parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout), arrears("dlq", "list", "--var", str(var))
    finally:
        arrears("down", "--var", str(var))
        shutil.rmtree(var, ignore_errors=True)


def test_the_whole_ladder_is_climbed_before_anyone_comes_to_the_door(said):
    steps = ["notice.sent.v1", "notice.unanswered.v1", "placement.offered.v1", "visit.planned.v1"]
    for borrower in BORROWERS:
        firsts = [said[0][borrower].index(step) for step in steps if step in said[0][borrower]]
        assert len(firsts) == len(steps), (borrower, said[0][borrower])


def test_whoever_does_not_pay_is_visited(said):
    for borrower in set(BORROWERS) - PAYING:
        assert VISITED & set(said[0][borrower]), (borrower, said[0][borrower])


def test_whoever_pays_is_not_visited_and_the_case_ends(said):
    for borrower in PAYING:
        assert not VISITED & set(said[0][borrower]), (borrower, said[0][borrower])
        assert {"visit.cancelled.v1", "case.closed.v1"} <= set(said[0][borrower]), (borrower, said[0][borrower])


def test_nothing_of_a_foreign_bank_is_misunderstood(said):
    assert said[1] == []
