"""Files for other clusters say what the table of topics says."""

import pytest

from deploy.kafka.generate import acls, files
from schemas.topics import SERVICES, TOPICS


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_generated_file_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == files()[path], "run `python -m deploy.kafka.generate`"


def test_nobody_may_read_what_it_is_not_declared_to_read():
    may = {(a["principal"], a["name"]) for a in acls() if a["operation"] == "READ" and a["resource"] == "TOPIC"}
    assert may == {(f"User:{reader}", topic.name) for topic in TOPICS for reader in topic.readers}


def test_no_permission_has_a_wildcard():
    assert {a["pattern"] for a in acls()} == {"LITERAL"}
    assert not [a for a in acls() if "*" in a["name"] or "*" in a["principal"]]


def test_a_service_joins_its_own_group_only():
    groups = {(a["principal"], a["name"]) for a in acls() if a["resource"] == "GROUP"}
    assert groups == {(f"User:{service}", service) for service in SERVICES}
