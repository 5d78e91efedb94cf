"""What counts as the same record coming again."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.bank import BorrowerRecorded
from schemas.envelope import Event, Fact
from schemas.topics import BORROWERS
from services.kit.intake import Intake
from services.kit.partitions import partition_for
from services.kit.records import Batch, Item, Record, read_items
from services.kit.repeats import digest_of
from services.kit.vault import IntakeRing, Vault, seal_for_intake, vault_in_memory
from tests.kit.counter import recorded

KEY = os.urandom(32)
RING = IntakeRing({"bank-1": KEY})
ALL = frozenset({"name", "phones", "addresses"})


def read(fact: BorrowerRecorded, vault: Vault | None, opens: frozenset[str] = ALL) -> Item:
    """The fact as it comes in from its topic."""
    event: Event[Fact] = Event.saying(fact, id="E1", source="/bank", time=datetime(2026, 3, 2, tzinfo=UTC))
    record = Record(0, 0, fact.key.encode(), event.to_json())
    batch = Batch(BORROWERS, partition_for(fact.key.encode(), 12), 0, 1, [record])
    (item,) = read_items(batch, Intake(opens, vault, RING), lambda topic: topic.partitions)
    assert item.fault is None
    return item


def digest(fact: BorrowerRecorded, vault: Vault | None, opens: frozenset[str] = ALL) -> bytes:
    item = read(fact, vault, opens)
    assert item.event is not None
    return digest_of(item.event, item.imprint)


def sealed(field: str, value: str) -> dict[str, str]:
    return seal_for_intake("bank-1", KEY, borrower_id="B-1", field=field, value=value)


def phones(number: Any) -> dict[str, Any]:
    return {"phones": ({"phone_id": "T-1", "number": number, "source": "contract"},)}


@pytest.fixture
def vault() -> Vault:
    return vault_in_memory()


def test_a_record_with_personal_data_that_comes_twice_is_the_same_although_it_is_sealed_each_time(vault: Vault) -> None:
    assert digest(recorded(), vault) == digest(recorded(), vault)


def test_two_sealings_of_the_same_value_by_the_bank_are_the_same_and_so_is_the_value_in_clear(vault: Vault) -> None:
    once, again = (recorded(**phones(sealed("phones.number", "+8613800000001"))) for _ in range(2))
    assert once.phones != again.phones
    assert digest(once, vault) == digest(again, vault) == digest(recorded(), vault)


@pytest.mark.parametrize(
    "changes",
    [
        phones("+8613800000002"),
        phones(sealed("phones.number", "+8613800000002")),
        {"name": "王大明"},
        {"status": "deceased"},
        {"addresses": ({"address_id": "A-1", "kind": "home", "text": "天河路2号", "source": "contract"},)},
    ],
)
def test_any_other_value_tells_two_records_apart(vault: Vault, changes: dict[str, Any]) -> None:
    assert digest(recorded(**changes), vault) != digest(recorded(), vault)


def test_values_that_changed_places_tell_two_records_apart(vault: Vault) -> None:
    def two(*numbers: str) -> BorrowerRecorded:
        return recorded(
            phones=tuple({"phone_id": f"T-{n}", "number": v, "source": "contract"} for n, v in enumerate(numbers))
        )

    assert digest(two("+8611", "+86112"), vault) != digest(two("+86112", "+8611"), vault)


def test_values_that_together_read_alike_tell_two_records_apart(vault: Vault) -> None:
    def two(*texts: str) -> BorrowerRecorded:
        places = enumerate(texts)
        return recorded(
            addresses=tuple(
                {"address_id": f"A-{n}", "kind": "home", "text": t, "source": "contract"} for n, t in places
            )
        )

    assert digest(two("天河路12", "3号"), vault) != digest(two("天河路1", "23号"), vault)


def test_nobody_without_the_master_key_can_find_a_value_by_trying_all(vault: Vault) -> None:
    assert read(recorded(), vault).imprint != read(recorded(), vault_in_memory()).imprint


def test_a_forgotten_person_that_comes_again_is_the_same_record(vault: Vault) -> None:
    before = digest(recorded(), vault)
    vault.erase("B-1")
    assert digest(recorded(), vault) == before


def test_what_a_service_does_not_let_in_makes_no_difference_to_it(vault: Vault) -> None:
    other = recorded(**phones("+8613800000002"))
    assert digest(other, None, frozenset()) == digest(recorded(), None, frozenset())
    assert digest(other, vault, frozenset({"name"})) == digest(recorded(), vault, frozenset({"name"}))
    assert read(other, None, frozenset()).imprint == b""
