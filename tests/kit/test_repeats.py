"""What counts as the same record coming again."""

from datetime import UTC, date, datetime

from schemas.bank import BorrowerRecorded
from schemas.envelope import Event
from schemas.values import Sealed
from services.kit.repeats import digest_of


def recorded(name, status="active"):
    fact = BorrowerRecorded(
        borrower_id="B1",
        region="CN-GD",
        time_zone="Asia/Shanghai",
        language="zh-CN",
        name=name,
        phones=({"phone_id": "p", "number": name, "source": "contract", "verified_on": date(2026, 1, 1)},),
        status=status,
        vulnerable=False,
    )
    return Event.saying(fact, id="E1", source="/bank", time=datetime(2026, 3, 2, tzinfo=UTC))


def test_a_record_with_personal_data_that_comes_twice_is_the_same_although_it_was_sealed_twice():
    first, second = (recorded(Sealed(sealed=cipher, key="k")) for cipher in ("YWJj", "ZGVm"))
    assert digest_of(first) == digest_of(second)


def test_what_is_not_sealed_tells_two_records_apart():
    sealed = Sealed(sealed="YWJj", key="k")
    assert digest_of(recorded(sealed)) != digest_of(recorded(sealed, status="deceased"))
