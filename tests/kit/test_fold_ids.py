"""Ids of what is said, and envelopes, are made by hand for speed: they are to be what the libraries would make."""

import uuid

from schemas.contacts import ContactStopRequested
from schemas.envelope import Event, schema_uri
from services.kit.fold import NAMESPACE, uuid5
from tests.kit.counter import MONDAY


def test_an_id_is_the_uuid_of_version_5() -> None:
    for name in ("", "a", "bank\nid\nnotifier\n0", "王\n1", *(f"n-{n}" for n in range(2000))):
        assert uuid5(NAMESPACE.bytes, name.encode()) == str(uuid.uuid5(NAMESPACE, name))


def test_an_envelope_is_the_one_that_validation_would_make() -> None:
    fact = ContactStopRequested(request_id="R-1", borrower_id="B-1", requested_at=MONDAY, via="officer")
    made = Event.saying(fact, id="e-1", source="/x", time=MONDAY, causationid="c-1")
    read = Event[ContactStopRequested](
        id="e-1", source="/x", type=fact.TYPE, time=MONDAY, subject="B-1", dataschema=schema_uri(fact.TYPE),
        partitionkey="B-1", causationid="c-1", data=fact,
    )  # fmt: skip
    assert made.__dict__ == read.__dict__
    assert made.to_json() == read.to_json()
    assert made.model_copy(update={"id": "e-2"}).id == "e-2"
