"""The catalogue of planted bugs keeps up: each bug still fits the code, is still Python, and has tests to see it."""

import ast

import pytest

from tests.planted.catalogue import CHECKOUT, Bug, Change, Moved, bugs


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_each_bug_fits_the_code_and_leaves_it_python(bug, tmp_path):
    for change in bug.changes:
        (tmp_path / change.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / change.file).write_text((CHECKOUT / change.file).read_text(encoding="utf-8"), encoding="utf-8")
    before = bug.plant(tmp_path)
    for path, text in before.items():
        planted = path.read_text(encoding="utf-8")
        assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(text)), "the bug changes nothing"
    assert all((CHECKOUT / tests).exists() for tests in bug.tests)


def test_a_bug_whose_place_is_gone_is_an_error_and_changes_nothing(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    bug = Bug("b", "r", (), (Change("a.py", "x = 1", "x = 2"), Change("a.py", "y = 1", "")))
    with pytest.raises(Moved, match="0 times"):
        bug.plant(tmp_path)
    assert (tmp_path / "a.py").read_text() == "x = 1\n"


def test_there_are_more_than_twenty_and_no_two_of_a_name():
    names = [bug.name for bug in bugs()]
    assert len(names) == len(set(names)) > 20
