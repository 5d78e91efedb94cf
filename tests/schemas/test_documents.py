"""Where each event of a file begins and ends, whichever way it was written."""

import json

import pytest

from schemas.contract import check_text
from schemas.documents import documents
from schemas.freeze import EXAMPLES

ONE, OTHER = ({"id": "1", "data": {"amount": "1.10"}}, {"id": "2", "data": {}})
PRETTY = json.dumps(ONE, indent=1)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (f"{json.dumps(ONE)}\n\n{json.dumps(OTHER)}\n", [1, 3]),
        (f"{PRETTY}\n{json.dumps(OTHER, indent=2)}\n", [1, 7]),
        (f"\n [ {PRETTY},\n\n{json.dumps(OTHER)} ]\n", [2, 9]),
        (json.dumps([ONE, OTHER], separators=(",", ":")), [1, 1]),
        (f"[\n{json.dumps(ONE)},\n{json.dumps(OTHER)}\n]\n", [2, 3]),
    ],
    ids=["lines", "over several lines", "a printed array", "an array on one line", "an array with an event to a line"],
)
def test_every_event_is_found_with_the_line_on_which_it_begins(text, begins):
    found = [(line, json.loads(document)) for line, document in documents(text) if document.strip()]
    assert found == list(zip(begins, [ONE, OTHER], strict=True))


def test_every_character_stays_as_it_stands():
    assert [text for _, text in documents(f"[{PRETTY}]")] == [PRETTY]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_can_be_checked_as_the_file_that_it_is(path):
    assert [checked.problems for checked in check_text(path.read_text(encoding="utf-8"))] == [()]


def test_a_broken_document_is_refused_once_and_the_place_is_named():
    text = (EXAMPLES / "loan.cured.v1.json").read_text(encoding="utf-8").replace('"L-77120",', '"L-77120"')
    [[problem]] = [checked.problems for checked in check_text(text)]
    assert "line 8" in problem.what


def test_a_broken_line_takes_no_other_with_it():
    good = json.dumps(json.loads((EXAMPLES / "loan.cured.v1.json").read_text(encoding="utf-8")))
    assert [bool(c.problems) for c in check_text(f'{{"id": \n{good}\nnot json\n{good}\n')] == [True, False, True, False]
