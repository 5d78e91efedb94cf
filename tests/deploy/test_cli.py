"""The command line as people use it, against the real broker."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

import pytest
from confluent_kafka import Consumer
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local.messages import Messages
from deploy.local.stack import held
from deploy.local.timekeeping import Timekeeper
from deploy.local.topics import create_topics
from deploy.up import BadClock, clock_setting
from schemas.freeze import EXAMPLES
from schemas.topics import BY_NAME
from services.kit.clock import ScaledClock


def example(type_, **changes):
    event = json.loads((EXAMPLES / f"{type_}.json").read_text(encoding="utf-8"))
    event["data"] |= changes
    return event


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def sheet(tmp_path):
    def write(*events):
        path = tmp_path / "events.jsonl"
        path.write_text("".join(f"{e if isinstance(e, str) else json.dumps(e)}\n" for e in events), encoding="utf-8")
        return path

    return write


@pytest.fixture
def broker(kafka_bootstrap):
    create_topics(kafka_bootstrap)
    return kafka_bootstrap


def read_back(broker, ids):
    """Records by event id, read with a client that shares no code with the producer: partition, key, headers, event."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "audit", "auto.offset.reset": "earliest"})
    consumer.subscribe([name for name, topic in BY_NAME.items() if topic.intake])
    found = {}
    while set(found) != set(ids):
        message = consumer.poll(15)
        assert message is not None, f"only {sorted(found)} came back"
        assert message.error() is None
        event = json.loads(message.value())
        if event["id"] in ids:
            found[event["id"]] = (message.partition(), message.key().decode(), dict(message.headers()), event)
    consumer.close()
    return found


@pytest.mark.stack
def test_published_events_stand_on_their_topic_under_the_borrowers_key(sheet, broker):
    events = [example("loan.overdue.v1") | {"id": "cli-1"}, example("borrower.recorded.v1") | {"id": "cli-2"}]
    done = run("publish", sheet(*events), "--bootstrap", broker, "--json")
    assert (done.exit_code, json.loads(done.stdout)["published"]) == (0, 2)
    found = read_back(broker, {"cli-1", "cli-2"})
    assert {key for _, key, _, _ in found.values()} == {"B-10482"}
    assert len({partition for partition, *_ in found.values()}) == 1, "one borrower is one partition number everywhere"
    assert found["cli-1"][2]["content-type"].startswith(b"application/cloudevents+json")
    assert found["cli-1"][3] == events[0]


@pytest.mark.stack
def test_nothing_is_published_when_one_event_is_bad(sheet, broker):
    from deploy.local.topics import topic_states

    before = {state.name: state.records for state in topic_states(broker)}
    bad = example("loan.overdue.v1", days_past_due="many")
    done = run("publish", sheet(example("loan.cured.v1"), bad), "--bootstrap", broker)
    assert done.exit_code == 1
    assert "line 2: data.days_past_due" in done.stdout
    assert {state.name: state.records for state in topic_states(broker)} == before


@pytest.mark.stack
def test_skip_invalid_publishes_the_good_and_keeps_the_bad(sheet, broker, tmp_path):
    path = sheet(example("loan.cured.v1") | {"id": "cli-3"}, "not json", example("loan.closed.v1") | {"id": "cli-4"})
    rejects = tmp_path / "rejects.jsonl"
    done = run("publish", path, "--bootstrap", broker, "--skip-invalid", "--rejects", rejects, "--json")
    assert json.loads(done.stdout) == {"published": 2, "rejected": 1, "rejects": str(rejects)}
    assert rejects.read_text(encoding="utf-8") == "not json\n"
    assert set(read_back(broker, {"cli-3", "cli-4"})) == {"cli-3", "cli-4"}


@pytest.mark.stack
def test_topics_are_created_once_and_shown(broker):
    done = run("topics", "--bootstrap", broker, "--create", "--json")
    shown = {row["name"]: row["partitions"] for row in json.loads(done.stdout)}
    assert shown == {name: topic.partitions for name, topic in BY_NAME.items()}


def test_an_event_that_only_a_service_says_is_refused(sheet):
    said_by_us = {**example("loan.cured.v1"), "type": "case.closed.v1"}
    assert run("contract", "check", sheet(said_by_us)).exit_code == 1


def test_a_file_of_good_events_is_called_good(sheet):
    done = run("contract", "check", sheet(example("loan.overdue.v1"), example("loan.cured.v1")), "--json")
    assert json.loads(done.stdout) == {"ok": True, "checked": 2, "problems": []}


def test_each_problem_names_line_and_field(sheet):
    done = run("contract", "check", sheet(example("loan.overdue.v1", region=None)), "--json")
    assert done.exit_code == 1
    assert [(p["line"], p["field"]) for p in json.loads(done.stdout)["problems"]] == [(1, "data.region")]


@pytest.mark.parametrize("name", ["loan.overdue.v1", "borrower.recorded.v1"])
def test_the_files_of_the_contract_are_read_as_they_are(name):
    assert run("contract", "check", EXAMPLES / f"{name}.json").exit_code == 0


def test_several_files_are_checked_and_each_problem_names_its_own(sheet, tmp_path):
    bad = sheet(example("loan.overdue.v1", region=None))
    done = run("contract", "check", EXAMPLES / "loan.overdue.v1.json", bad)
    assert done.exit_code == 1
    assert f"{bad}: line 1: data.region" in done.stdout
    assert done.stdout.endswith("1 bad event.\n")


def test_standard_input_that_is_not_utf_8_is_one_clear_line():
    command = [sys.executable, "-m", "deploy.cli", "contract", "check", "-"]
    done = subprocess.run(command, input=b'{"id": "\xff"}', capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"\n"), b"byte 8" in done.stderr) == (2, 1, True)


def test_rejects_that_cannot_be_kept_are_one_clear_line_and_nothing_is_published(sheet):
    done = run(
        "publish", sheet("not json"), "--skip-invalid", "--rejects", "/nonexistent/x", "--bootstrap", "127.0.0.1:1"
    )
    assert (done.exit_code, done.stderr.count("\n"), "/nonexistent/x" in done.stderr) == (2, 1, True)


@pytest.mark.parametrize(
    "arguments", [("up", "--var", "/dev/null/x"), ("demo", "--var", "/dev/null"), ("up", "--var", "/dev/null")]
)
def test_a_place_that_can_be_no_folder_is_one_clear_line(arguments):
    done = run(*arguments)
    assert (done.exit_code, done.stderr.count("\n"), "/dev/null" in done.stderr) == (2, 1, True)


@pytest.mark.parametrize("arguments", [("status",), ("topics",), ("trace", "B-1")])
def test_what_needs_a_running_system_says_how_to_start_it(arguments, tmp_path):
    done = run(*arguments, "--var", tmp_path)
    assert (done.exit_code, "arrears up" in done.stderr) == (3, True)


def test_a_missing_file_is_one_clear_line(tmp_path):
    done = run("publish", tmp_path / "none.jsonl")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_down_is_harmless_when_nothing_runs(tmp_path):
    assert run("down", "--var", tmp_path).exit_code == 0


@pytest.mark.parametrize("text", ["3600", "3600x", "x3600", "scaled:3600"])
def test_a_clock_may_be_given_as_how_many_times_as_fast(text):
    assert clock_setting(text).startswith("scaled|")
    assert clock_setting(text).endswith("|3600")


@pytest.mark.parametrize("text", ["fast", "-1", "0", "scaled|then|now|2", ""])
def test_a_clock_that_means_nothing_is_refused(text):
    with pytest.raises(BadClock):
        clock_setting(text)


@pytest.mark.stack
def test_the_brokers_own_programs_run_without_a_kafka_of_ones_own(broker):
    command = [sys.executable, "-m", "deploy.cli", "kafka", "topics", "--list", "--bootstrap-server", broker]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert set(BY_NAME) <= set(done.stdout.split()), done.stderr


def test_a_program_that_kafka_has_not_is_named_with_those_it_has():
    done = run("kafka", "consumer-lag")
    assert (done.exit_code, "consumer-groups" in done.stderr) == (2, True)


def test_an_example_is_one_line_that_keeps_the_contract(sheet):
    shown = run("contract", "show", "loan.overdue.v1", "--example").stdout
    assert shown.count("\n") == 1
    assert run("contract", "check", sheet(shown.strip())).exit_code == 0


def test_an_example_has_dates_of_the_running_systems_clock(tmp_path):
    (tmp_path / "postgres").mkdir()
    with held(tmp_path), Timekeeper(tmp_path) as keeper:
        keeper.keep(clock_setting("scaled|2031-05-05T04:00:00+00:00|2026-01-01T00:00:00+00:00|0.001"))
        shown = json.loads(run("contract", "show", "loan.overdue.v1", "--example", "--var", tmp_path).stdout)
    assert shown["data"]["oldest_due_date"].startswith("2031-05-0")
    today = json.loads(run("contract", "show", "loan.overdue.v1", "--example", "--var", tmp_path).stdout)
    assert abs(datetime.fromisoformat(today["time"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_payment_in_full_is_one_command(sheet):
    nothing_left = ("amount=1652.53", "arrears_after.principal=0.00", "days_past_due_after=0")
    shown = run("contract", "show", "loan.payment_received.v1", *(f"--set={one}" for one in nothing_left)).stdout
    assert json.loads(shown)["data"]["arrears_after"] == {"principal": "0.00", "interest": "0.00", "fees": "0.00"}
    assert run("contract", "check", sheet(shown.strip())).exit_code == 0


@pytest.mark.parametrize(
    ("value", "said"), [("amount", "FIELD=VALUE"), ("amuont=1", "amount"), ("amount=x", "data.amount")]
)
def test_a_value_that_cannot_be_set_is_one_clear_line(value, said):
    done = run("contract", "show", "loan.payment_received.v1", "--example", "--set", value)
    assert (done.exit_code, said in done.stderr) == (2, True)


@pytest.mark.parametrize("command", [("contract", "check"), ("publish",)])
def test_a_pipeline_that_sends_nothing_is_not_called_good(command):
    done = run(*command, "-", stdin="\n")
    assert (done.exit_code, done.stderr) == (1, "Standard input holds no event.\n")


@pytest.mark.parametrize("command", [("up",), ("demo",)])
def test_a_misspelt_jurisdiction_does_not_choose_the_law(command, tmp_path):
    done = run(*command, "--jurisdiction", "FR", "--var", tmp_path)
    assert (done.exit_code, "CN, US" in done.stderr) == (2, True)


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:1"])
def test_a_broker_that_is_not_there_is_one_clear_line(address):
    command = [sys.executable, "-m", "deploy.cli", "topics", "--bootstrap", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_a_folder_of_ones_own_is_named_in_what_to_do_next(tmp_path):
    done = run("status", "--var", tmp_path)
    assert f"arrears up --var {tmp_path}" in done.stderr


def test_nobody_is_forgotten_by_a_slip_of_the_finger():
    done = run("forget", "B-1")
    assert (done.exit_code, "--yes" in done.stderr) == (2, True)


def test_a_file_is_no_folder_for_a_stack(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("status", "--var", tmp_path / "file")
    assert (done.exit_code, "is a file" in done.stderr) == (3, True)


@pytest.mark.parametrize("command", [(), ("contract",), ("dlq",), ("rules",), ("positions",)])
def test_no_sentence_of_a_list_of_commands_is_cut_off(command):
    listed = run(*command, "--help").stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_the_command_says_which_version_it_is():
    assert run("--version").stdout == f"arrears {version('arrears')}\n"


@pytest.mark.parametrize("command", [("rules", "list"), ("rules", "table"), ("contract", "list")])
def test_a_reader_that_goes_away_is_no_error(command):
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, "-m", "deploy.cli", *command]
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_message_found_is_the_answer_no(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoints.json").write_text("{}")
    clock = ScaledClock(datetime(2026, 3, 4, tzinfo=ZoneInfo("Asia/Shanghai")), datetime.now(UTC), 1)
    (tmp_path / "print").mkdir()
    Messages(tmp_path / "print", clock).kept("sms")("+86100", "a word", "ref-1")
    assert run("messages", "nobody", "--var", tmp_path).exit_code == 1
    found = run("messages", "word", "--var", tmp_path)
    assert (found.exit_code, found.stdout.startswith("2026-03-03T16:00")) == (0, True)
    assert "+00:00" in found.stdout, "one zone under every clock"
