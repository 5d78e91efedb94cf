"""How `arrears status` knows how a process is: by its own word, asked over HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from deploy.local.state import ProcessState
from deploy.up import Told, told
from services.kit.web import Door, Health, WebThread, listen

RUNNING = ProcessState(pid=1, ready=True, restarts=0, since="2026-03-04T10:00:00Z", endpoint="")


@pytest.fixture
def saying() -> Iterator[Callable[[Health], ProcessState]]:
    """A process whose service says so of itself."""
    doors: list[WebThread] = []

    def serve(health: Health) -> ProcessState:
        doors.append(WebThread(Door("visits", lambda: health), listen("127.0.0.1", 0)).start())
        return replace(RUNNING, endpoint=f"http://127.0.0.1:{doors[-1].port}")

    yield serve
    for door in doors:
        door.stop()


def test_a_partition_that_stands_still_is_named(saying):
    process = saying(Health("halted", "visits", halted=("bank.loans.v1/3: too many dead letters",)))
    assert told(process) == Told("halted", ("bank.loans.v1/3: too many dead letters",))


def test_a_service_that_waits_for_a_person_says_why(saying):
    process = saying(Health("stopped", "visits", doing="records 4 to 9 were deleted unread"))
    assert told(process) == Told("stopped", ("records 4 to 9 were deleted unread",))


@pytest.mark.parametrize("verdict", ["ready", "catching up", "database away"])
def test_a_service_is_as_it_says(saying, verdict):
    assert told(saying(Health(verdict, "visits"))) == Told(verdict)


def test_a_service_that_has_not_come_up_is_starting_whatever_it_says(saying):
    assert told(replace(saying(Health("ready", "visits")), ready=False)) == Told("starting")


def test_of_others_it_is_known_whether_they_run():
    assert told(RUNNING) == Told("ready")
    assert told(replace(RUNNING, pid=None, ready=False)) == Told("down")
    assert told(replace(RUNNING, pid=None, ready=False, why="the topic was cut")) == Told(
        "stopped", ("the topic was cut",)
    )
