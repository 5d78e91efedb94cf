"""Commands that come at the same time: joined in one transaction, and still each as if alone. Real database."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.commands import TURNS
from services.kit.database import transaction
from services.kit.plug import Asked, KeyReused
from services.kit.service import Context, Reaction, Refused
from tests.kit.counter import COUNTER, MONDAY, Count, stop

pytestmark = pytest.mark.stack
Act = Callable[[Count, Context[Any]], Reaction[Count]]


@pytest.fixture
def bench(engine: Engine) -> Bench[Count, None]:
    return Bench(COUNTER, engine, ManualClock(MONDAY))


class Busy:
    """Keeps all turns taken until it is let go, so that what comes meanwhile must share a transaction."""

    def __init__(self, bench: Bench[Count, None]) -> None:
        self._bench, self._go = bench, threading.Event()
        self._inside = [threading.Event(), threading.Event()]
        self._threads = [threading.Thread(target=self._wait, args=(number,)) for number in (0, 1)]

    def __enter__(self) -> "Busy":
        for thread, inside in zip(self._threads, self._inside, strict=True):
            thread.start()
            assert inside.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(10)

    def let_go(self) -> None:
        self._go.set()

    def _wait(self, number: int) -> None:
        def act(count: Count, context: Context[Any]) -> Reaction[Count]:
            self._inside[number].set()
            assert self._go.wait(10)
            return stop(count, context)

        self._bench.command(f"B-busy-{number}", act, key=f"busy-{number}")


def at_once(bench: Bench[Count, None], *wanted: tuple[str, Act, str]) -> list[Any]:
    """Run these commands while all turns are taken; answer what each answered or raised."""
    answers: list[Any] = [None] * len(wanted)

    def ask(number: int, borrower_id: str, act: Act, key: str) -> None:
        try:
            answers[number] = bench.command(borrower_id, act, key=key)
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=ask, args=(n, *one)) for n, one in enumerate(wanted)]
    with Busy(bench) as busy:
        for thread in threads:
            thread.start()
        _until_waiting(bench, len(wanted))
        busy.let_go()
    for thread in threads:
        thread.join(10)
    return answers


def _until_waiting(bench: Bench[Count, None], count: int) -> None:
    waiting = bench.runtime._commands._waiting
    for _ in range(500):
        if len(waiting) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("not all of them wait")


def transactions(bench: Bench[Count, None], keys: Sequence[str]) -> int:
    """In how many transactions these commands were committed."""
    with transaction(bench.engine) as (_, raw):
        row = raw.execute(
            "SELECT count(DISTINCT xmin::text) FROM commands WHERE key = ANY(%s)", [list(keys)]
        ).fetchone()
    return int(row[0]) if row else 0


def test_commands_that_wait_together_share_a_transaction_and_each_gets_its_own_answer(
    bench: Bench[Count, None],
) -> None:
    keys = [f"k-{n}" for n in range(20)]
    answers = at_once(bench, *((f"B-{n}", stop, key) for n, key in enumerate(keys)))
    assert [answer[0].data.borrower_id for answer in answers] == [f"B-{n}" for n in range(20)]
    assert transactions(bench, keys) <= 2
    assert [bench.state(f"B-{n}").said for n in range(20)] == [1] * 20


def test_two_commands_on_one_borrower_see_each_other(bench: Bench[Count, None]) -> None:
    answers = at_once(bench, ("B-1", stop, "one"), ("B-1", stop, "two"))
    assert {answer[0].data.request_id for answer in answers} == {"R-B-1-1", "R-B-1-2"}
    assert bench.state("B-1").said == 2


def test_a_refused_command_changes_nothing_and_disturbs_nobody(bench: Bench[Count, None]) -> None:
    def never(_count: Count, _context: Context[Any]) -> Reaction[Count]:
        raise Refused("no")

    answers = at_once(bench, ("B-1", stop, "one"), ("B-2", never, "two"), ("B-3", stop, "three"))
    assert isinstance(answers[1], Refused)
    assert [len(answers[0]), len(answers[2])] == [1, 1]
    assert bench.command("B-2", stop, key="two")  # its key was not used up
    assert [bench.state(b).said for b in ("B-1", "B-2", "B-3")] == [1, 1, 1]


def test_one_that_breaks_is_alone_in_it(bench: Bench[Count, None]) -> None:
    def broken(_count: Count, _context: Context[Any]) -> Reaction[Count]:
        raise ZeroDivisionError

    def unstorable(count: Count, context: Context[Any]) -> Reaction[Count]:
        after, (said,) = stop(count, context)
        return after, [said.model_copy(update={"request_id": "R\0"})]  # no text column can hold it

    answers = at_once(
        bench, ("B-1", stop, "one"), ("B-2", broken, "two"), ("B-3", unstorable, "three"), ("B-4", stop, "four")
    )
    assert isinstance(answers[1], ZeroDivisionError)
    assert [len(answers[0]), len(answers[3])] == [1, 1]
    assert [bench.state(b).said for b in ("B-1", "B-2", "B-3", "B-4")] == [1, 0, 0, 1]


def test_the_same_key_takes_effect_once_however_many_ask(bench: Bench[Count, None]) -> None:
    answers = at_once(bench, *(("B-1", stop, "same") for _ in range(6)))
    assert len({answer[0].id for answer in answers}) == 1
    assert bench.state("B-1").said == 1


def test_a_key_that_comes_for_somebody_else_is_refused(bench: Bench[Count, None]) -> None:
    first, second = at_once(bench, ("B-1", stop, "same"), ("B-2", stop, "same"))
    assert sum(isinstance(answer, KeyReused) for answer in (first, second)) == 1
    assert bench.state("B-1").said + bench.state("B-2").said == 1


def test_many_asked_at_once_share_a_transaction_and_are_answered_in_their_order(bench: Bench[Count, None]) -> None:
    def never(_count: Count, _context: Context[Any]) -> Reaction[Count]:
        raise Refused("no")

    asked = [Asked(f"B-{n}", never if n == 3 else stop, f"k-{n}") for n in range(6)]
    answers = bench.runtime.commands(asked)
    assert [isinstance(answer, Refused) for answer in answers] == [False, False, False, True, False, False]
    assert [answer[0].data.borrower_id for answer in answers if not isinstance(answer, Exception)] == [
        f"B-{n}" for n in (0, 1, 2, 4, 5)
    ]
    assert transactions(bench, [one.key for one in asked]) == 1


def test_many_asked_again_change_nothing_and_one_with_another_request_is_told_so(bench: Bench[Count, None]) -> None:
    asked = [Asked(f"B-{n}", stop, f"k-{n}") for n in range(3)]
    first = bench.runtime.commands(asked)
    again = bench.runtime.commands([*asked[:2], replace(asked[2], request=b"another")])
    assert [answer[0].id for answer in again[:2]] == [answer[0].id for answer in first[:2]]  # type: ignore[index]
    assert isinstance(again[2], KeyReused)
    assert [state.said for state in bench.runtime.states(["B-0", "B-1", "B-2"]).values()] == [1, 1, 1]


@contextmanager
def locked(bench: Bench[Count, None], borrower_id: str) -> Iterator[None]:
    """Somebody else holds the state of a borrower."""
    with transaction(bench.engine) as (_, raw):
        raw.execute("SELECT 1 FROM states WHERE borrower_id = %s FOR UPDATE", [borrower_id])
        yield


def test_one_whose_state_somebody_holds_lets_the_others_of_its_group_through(bench: Bench[Count, None]) -> None:
    borrowers = [f"B-{n}" for n in range(6)]
    for borrower in borrowers:
        bench.command(borrower, stop)
    answers: list[Any] = []
    asked = [Asked(borrower, stop, f"k-{borrower}") for borrower in borrowers]
    asking = threading.Thread(target=lambda: answers.extend(bench.runtime.commands(asked)))
    with locked(bench, "B-3"):
        asking.start()
        _until(lambda: [bench.state(b).said for b in borrowers] == [2, 2, 2, 1, 2, 2])
    asking.join(10)
    assert [len(answer) for answer in answers] == [1] * 6
    assert bench.state("B-3").said == 2


def test_however_many_wait_for_one_state_another_borrower_does_not(bench: Bench[Count, None]) -> None:
    bench.command("B-1", stop)
    waiting = [threading.Thread(target=bench.command, args=("B-1", stop), kwargs={"key": f"w-{n}"}) for n in range(4)]
    with locked(bench, "B-1"):
        for thread in waiting:
            thread.start()
        _until(lambda: bench.runtime._commands._turns._value == TURNS and not bench.runtime._commands._waiting)
        assert len(bench.command("B-2", stop, key="another")) == 1
        assert bench.state("B-1").said == 1
    for thread in waiting:
        thread.join(10)
    assert bench.state("B-1").said == 5


def _until(so: Callable[[], bool]) -> None:
    for _ in range(500):
        if so():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come to that")


def test_asking_nothing_answers_nothing(bench: Bench[Count, None]) -> None:
    assert bench.runtime.commands([]) == []
    assert bench.runtime.states([]) == {}
    assert bench.runtime.held([]) == set()
