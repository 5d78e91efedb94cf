"""One number, mailbox or address that is recorded under several ids: found here, where values can be opened.

What is decided knows contact points by their ids alone, so that no personal value stands in it.
"""

from schemas.values import Sealed
from services.kit.vault import NotOpened
from services.notifier import store_asked
from services.notifier.api.asking import Running

PATHS = {"phone": "phones.number", "email": "emails.address", "address": "addresses.text"}
"""Kind of contact point → the path under which the vault knows its value."""

DIGITS_MIN = 8
"""So many last digits make a number: with the country's code, or without it, it is the same."""


def same_points(runtime: Running, borrower_id: str, point_id: str | None) -> tuple[str, ...]:
    """The other ids of this borrower's contact points under which the very same is recorded."""
    if point_id is None:
        return ()
    with runtime.engine.begin() as db:
        points = store_asked.points_of(db, borrower_id)
    kind = points.get(point_id, {}).get("channel")
    values = {key: _opened(runtime, borrower_id, p) for key, p in points.items() if p["channel"] == kind}
    own = values.pop(point_id, "")
    return tuple(sorted(key for key, value in values.items() if own and value and _same(str(kind), own, value)))


def _opened(runtime: Running, borrower_id: str, point: store_asked.Row) -> str:
    """The value as it can be compared; "" where it cannot be opened any more."""
    if point["value"] is None:
        return ""
    try:
        value = runtime.vault.open(borrower_id, PATHS[point["channel"]], Sealed(**point["value"]))
    except NotOpened:
        return ""
    signs = (sign for sign in value.casefold() if sign.isalnum())
    return "".join(sign for sign in signs if sign.isdecimal()) if point["channel"] == "phone" else "".join(signs)


def _same(kind: str, one: str, other: str) -> bool:
    if kind != "phone":
        return one == other
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= DIGITS_MIN and long.endswith(short.lstrip("0")))
