"""The contract is files, and these tests walk the files."""

import json

import pytest
from jsonschema import Draft202012Validator

from schemas.compatibility import breaks
from schemas.envelope import read_structured
from schemas.freeze import EXAMPLES, RELEASED, bundle, event_schema, files
from schemas.language import KINDS
from schemas.topics import TOPICS

EXAMPLE_FILES = sorted(EXAMPLES.glob("*.json"))
RELEASES = sorted(RELEASED.glob("*.json"))


@pytest.mark.parametrize("path", sorted(files()), ids=lambda path: path.stem)
def test_the_frozen_file_says_what_the_model_says(path):
    assert path.read_text(encoding="utf-8") == files()[path], "run `python -m schemas.freeze`"


def test_no_frozen_schema_is_left_of_a_type_that_is_gone():
    from schemas.freeze import SCHEMAS

    assert {path.stem for path in SCHEMAS.glob("*.json")} == set(KINDS)


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.stem)
def test_the_example_still_reads_and_obeys_its_frozen_schema(path):
    text = path.read_bytes()
    event = read_structured(text)
    assert event.type == path.stem
    Draft202012Validator(event_schema(type(event.data))).validate(json.loads(text))


def test_every_type_has_an_example():
    assert {path.stem for path in EXAMPLE_FILES} == set(KINDS)


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_every_released_version_stays_fully_compatible(release):
    released = json.loads(release.read_text(encoding="utf-8"))
    current = bundle()
    assert set(released) <= set(current), "a released type may not disappear"
    assert [problem for name in released for problem in breaks(released[name], current[name])] == []


def test_there_is_a_release_to_be_compatible_with():
    assert RELEASES


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data["required"].remove("loan_id"), "data.loan_id: a required field came or went"),
        (lambda data: data["properties"]["loan_id"].update(type="integer"), "data.loan_id: type was"),
        (lambda data: data["$defs"]["Arrears"]["required"].append("penalty"), "data.arrears.penalty"),
        (lambda data: data["properties"]["product"]["enum"].pop(), "data.product: the values changed"),
    ],
)
def test_an_incompatible_change_is_named(change, named):
    old, new = bundle()["loan.overdue.v1"], bundle()["loan.overdue.v1"]
    change(new)
    assert any(problem.startswith(named) for problem in breaks(old, new))


def test_an_optional_field_may_come():
    old, new = bundle()["loan.cured.v1"], bundle()["loan.cured.v1"]
    new["properties"]["note"] = {"type": "string"}
    assert breaks(old, new) == []


def test_every_topic_has_an_event_or_is_for_dead_letters():
    said = {kind.TOPIC.name for kind in KINDS.values()}
    assert {topic.name for topic in TOPICS} - said == {t.name for t in TOPICS if t.key == "original"}
