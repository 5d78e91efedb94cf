"""Many writes fold to one per row without changing what they come to."""

from sqlalchemy import Column, Integer, MetaData, Table, Text

from services.kit.rows import Rows
from services.kit.service import Change, Put
from services.kit.writes import steps

table = Table("t", MetaData(), Column("k", Text, primary_key=True), Column("a", Integer), Column("b", Integer))


def folded(*writes):
    return [(step.put, step.columns, list(step.rows)) for step in steps(writes, [table])]


def test_later_puts_of_a_row_win_column_by_column():
    assert folded(Put(table, {"k": "x", "a": 1}), Put(table, {"k": "x", "b": 2}), Put(table, {"k": "x", "a": 3})) == [
        (True, ("k", "a", "b"), [("x", 3, 2)])
    ]


def test_a_change_behind_a_put_becomes_part_of_it():
    assert folded(Put(table, {"k": "x", "a": 1}), Change(table, {"k": "x"}, {"b": 2})) == [
        (True, ("k", "a", "b"), [("x", 1, 2)])
    ]


def test_a_put_behind_a_change_waits_its_turn():
    """Where no such row is, the change does nothing, and the put must not carry what the change said."""
    assert folded(Change(table, {"k": "x"}, {"b": 2}), Put(table, {"k": "x", "a": 1})) == [
        (False, ("k", "b"), [("x", 2)]),
        (True, ("k", "a"), [("x", 1)]),
    ]


def test_rows_are_written_in_key_order():
    ((_, _, rows),) = folded(*[Put(table, {"k": key, "a": 1}) for key in "cab"])
    assert [key for key, _ in rows] == ["a", "b", "c"]


def test_rows_in_memory_do_the_same():
    rows = Rows()
    rows.apply(
        [Change(table, {"k": "x"}, {"b": 2}), Put(table, {"k": "x", "a": 1}), Change(table, {"k": "x"}, {"b": 5})]
    )
    assert rows.of(table) == [{"k": "x", "a": 1, "b": 5}]
