"""Personal data stays where its purpose is, bound to its borrower and field, and one deleted key forgets it."""

import os
from typing import cast

import pytest

from schemas.bank import Address, BorrowerRecorded, Phone
from schemas.contacts import DisputeRaised
from schemas.envelope import Event, Fact, Unreadable
from schemas.values import Sealed
from services.kit.intake import Intake, carries_personal, is_personal
from services.kit.vault import ERASED, WITHHELD, IntakeRing, NotOpened, seal_for_intake, vault_in_memory
from tests.kit.counter import BORROWERS, LOANS, MONDAY, overdue, recorded

KEY = os.urandom(32)
RING = IntakeRing({"bank-1": KEY})


def event(fact: Fact) -> Event[Fact]:
    return Event.saying(fact, id="E-1", source="/bank", time=MONDAY)


def admitted(fact: Fact, *opens: str, trusted: bool = False) -> tuple[BorrowerRecorded, Intake]:
    intake = Intake(frozenset(opens), vault_in_memory(), RING)
    return cast("BorrowerRecorded", intake.admit(event(fact), trusted=trusted).data), intake


def test_what_was_sealed_opens_for_the_same_borrower_and_field():
    vault = vault_in_memory()
    assert vault.open("B-1", "name", vault.seal("B-1", "name", "王小明")) == "王小明"


def test_ciphertext_moved_to_another_borrower_or_field_does_not_open():
    vault = vault_in_memory()
    sealed = vault.seal("B-1", "name", "王小明")
    for borrower, field in (("B-2", "name"), ("B-1", "id_number")):
        with pytest.raises(NotOpened):
            vault.open(borrower, field, sealed)


def test_altered_ciphertext_does_not_open():
    vault = vault_in_memory()
    sealed = vault.seal("B-1", "name", "王小明")
    for wrong in (sealed.sealed[:-4], "AAAA" + sealed.sealed[4:], "not base64!", ""):
        with pytest.raises(NotOpened):
            vault.open("B-1", "name", Sealed(sealed=wrong, key=sealed.key))


def test_an_erased_borrower_is_forgotten_and_stays_forgotten():
    vault = vault_in_memory()
    sealed = vault.seal("B-1", "name", "王小明")
    vault.erase("B-1")
    with pytest.raises(NotOpened):
        vault.open("B-1", "name", sealed)
    assert vault.seal("B-1", "name", "王小明") == ERASED


def test_a_key_that_runs_out_of_the_cache_meanwhile_erases_nobody(monkeypatch):
    monkeypatch.setattr("services.kit.vault.CACHE_SECONDS", 0)
    vault = vault_in_memory()
    assert vault.open("B-1", "name", vault.seal("B-1", "name", "王小明")) == "王小明"


def test_only_kinds_with_contact_data_are_personal():
    assert is_personal(BorrowerRecorded)
    assert not is_personal(type(overdue()))
    assert carries_personal(BORROWERS)
    assert not carries_personal(LOANS)


def test_what_the_purpose_needs_comes_in_sealed_and_nothing_else_comes_in():
    fact, intake = admitted(recorded(), "name", "phones")
    assert intake.vault
    assert intake.vault.open("B-1", "name", cast("Sealed", fact.name)) == "王小明"
    (phone,) = cast("tuple[Phone, ...]", fact.phones)
    assert intake.vault.open("B-1", "phones.number", cast("Sealed", phone.number)) == "+8613800000001"
    assert (fact.id_number, fact.addresses, fact.contact_persons) == (None, (), ())
    assert fact.region == "CN-GD"


def test_a_purpose_that_needs_nothing_sees_nothing():
    fact, _ = admitted(recorded())
    assert (fact.name, fact.phones) == (WITHHELD, ())
    assert "王小明" not in fact.model_dump_json()


def test_coordinates_are_sealed_with_the_address():
    fact, intake = admitted(recorded(), "addresses")
    (address,) = cast("tuple[Address, ...]", fact.addresses)
    assert intake.vault
    assert intake.vault.open("B-1", "addresses.latitude", cast("Sealed", address.latitude)) == "23.1"
    assert address.longitude is None


def test_a_value_sealed_by_the_producer_is_opened_and_sealed_under_the_borrowers_key():
    sealed = seal_for_intake("bank-1", KEY, borrower_id="B-1", field="name", value="王小明")
    fact, intake = admitted(recorded(name=sealed), "name")
    assert intake.vault
    assert cast("Sealed", fact.name).key != "bank-1"
    assert intake.vault.open("B-1", "name", cast("Sealed", fact.name)) == "王小明"


def test_a_list_that_came_as_one_sealed_value_is_sealed_leaf_by_leaf():
    phones = '[{"phone_id": "T-9", "number": "123", "source": "contract"}]'
    sealed = seal_for_intake("bank-1", KEY, borrower_id="B-1", field="phones", value=phones)
    fact, intake = admitted(recorded(phones=sealed), "phones")
    (phone,) = cast("tuple[Phone, ...]", fact.phones)
    assert intake.vault
    assert intake.vault.open("B-1", "phones.number", cast("Sealed", phone.number)) == "123"


def test_a_value_under_an_unknown_key_is_unreadable_only_where_it_is_needed():
    fact = recorded(name={"sealed": "AAAA", "key": "strange"})
    with pytest.raises(Unreadable, match="intake ring"):
        admitted(fact, "name")
    assert admitted(fact, "phones")[0].name == WITHHELD


def test_a_value_taken_from_another_borrower_is_unreadable():
    sealed = seal_for_intake("bank-1", KEY, borrower_id="B-2", field="name", value="王小明")
    with pytest.raises(Unreadable, match="name"):
        admitted(recorded(name=sealed), "name")


def test_a_redriven_record_keeps_what_is_sealed_already():
    once, intake = admitted(recorded(), "name")
    assert cast("BorrowerRecorded", intake.admit(event(once), trusted=True).data).name == once.name


def test_what_a_service_says_in_clear_leaves_sealed():
    intake = Intake(frozenset(), vault_in_memory())
    fact = DisputeRaised(
        dispute_id="D-1", borrower_id="B-1", loan_ids=("L-1",), raised_at=MONDAY, via="link", grounds="not mine"
    )
    said = cast("DisputeRaised", intake.seal_said(fact))
    assert intake.vault
    assert intake.vault.open("B-1", "grounds", cast("Sealed", said.grounds)) == "not mine"
