"""`arrears up` and `down` in one folder, twice: what stands between them."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local.timekeeping import read_mark


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(var):
    yield var
    run("down", "--var", var)


@pytest.mark.stack
def test_business_time_goes_on_over_down_and_up(folder):
    assert run("up", "--bare", "--clock", "36000", "--var", folder).exit_code == 0
    assert run("down", "--var", folder).exit_code == 0
    stood = read_mark(folder).stood
    assert stood > datetime.now(UTC)
    again = run("up", "--bare", "--var", folder, "--json")
    assert (again.exit_code, "goes on" in again.stderr, "kafka" in json.loads(again.stdout)) == (0, True, True)
    shown = json.loads(run("status", "--var", folder, "--json").stdout)
    assert datetime.fromisoformat(shown["business_time"]) >= stood.replace(microsecond=0)
