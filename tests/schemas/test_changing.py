"""A changed copy is what `dataclasses.replace` makes, or it is refused."""

import dataclasses

import pytest

from schemas.changing import replace


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    one: int
    other: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Single:
    one: int


@dataclasses.dataclass(frozen=True)
class Loose:
    one: int


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    one: int

    def __post_init__(self):
        assert self.one


@dataclasses.dataclass(frozen=True, slots=True)
class Derived:
    one: int
    two: int = dataclasses.field(init=False, default=2)


@pytest.mark.parametrize(
    ("value", "changes"), [(Pair(1, (2,)), {"other": (3,)}), (Pair(1), {}), (Single(1), {"one": 2})]
)
def test_a_changed_copy_is_that_of_the_standard_library(value, changes):
    before = dataclasses.astuple(value)
    assert replace(value, **changes) == dataclasses.replace(value, **changes)
    assert dataclasses.astuple(value) == before


def test_a_copy_is_frozen_too():
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(Single(1), one=2).one = 3


def test_a_name_that_is_no_field_is_refused():
    with pytest.raises(TypeError, match="no field 'on'"):
        replace(Single(1), on=2)


@pytest.mark.parametrize("value", [Loose(1), Checked(1), Derived(1)])
def test_a_class_that_must_be_called_to_be_made_is_refused(value):
    with pytest.raises(TypeError, match="no plain dataclass"):
        replace(value, one=3)
