"""What the bank says of a borrower: contact data in clear, as on a topic that only the services may read."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from deploy.local.behaviour import Behaviour
from deploy.local.chance import luck
from deploy.local.people import Home
from deploy.local.portfolio import Borrower
from schemas.bank import BorrowerRecorded
from schemas.values import BorrowerStatus

MOBILE = "mobile"
_RELATIVES_SHARE, _REGISTERED_SHARE = 0.3, 0.3


def recorded(one: Borrower, behaviour: Behaviour, status: BorrowerStatus, verified_on: date) -> BorrowerRecorded:
    """The whole record of a borrower."""
    return BorrowerRecorded.model_validate(
        {
            "borrower_id": one.borrower_id,
            "region": one.place.region,
            "time_zone": one.place.time_zone,
            "language": one.language,
            "name": one.person.name,
            "id_number": one.person.id_number,
            "phones": [{"phone_id": MOBILE, "number": one.person.phone, **_from_contract(verified_on)}],
            "emails": [{"email_id": "mail", "address": one.person.email, **_from_contract(verified_on)}]
            if behaviour.email != "none"
            else [],
            "addresses": list(map(_address, _homes(one, behaviour))),
            "contact_persons": _relatives(one, behaviour),
            "status": status,
            "vulnerable": behaviour.story.vulnerable,
        }
    )


def _from_contract(verified_on: date) -> Mapping[str, Any]:
    return {"source": "contract", "verified_on": (verified_on - timedelta(days=90)).isoformat()}


def _homes(one: Borrower, behaviour: Behaviour) -> list[Home]:
    """A second address only for those who may be looked for there: who has moved for good must not have one."""
    moved = any(found in ("moved", "address_invalid") for found in behaviour.story.door)
    lucky = luck(behaviour.seed, one.borrower_id, "registered") < _REGISTERED_SHARE
    second = behaviour.story.second_address or (lucky and not moved)
    return [one.person.home, one.person.registered] if second else [one.person.home]


def _address(home: Home) -> Mapping[str, Any]:
    return {
        "address_id": home.kind,
        "kind": home.kind,
        "text": home.text,
        "latitude": home.latitude,
        "longitude": home.longitude,
        "source": "contract",
    }


def _relatives(one: Borrower, behaviour: Behaviour) -> list[Mapping[str, Any]]:
    if luck(behaviour.seed, one.borrower_id, "relative") >= _RELATIVES_SHARE:
        return []
    person = one.person
    return [
        {
            "person_id": "relative",
            "name": person.relative,
            "relation": "sibling",
            "phone": person.relative_phone,
            "debt_related": False,
        }
    ]
