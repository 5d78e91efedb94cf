"""As when, and as known when, figures are asked for; and the small helpers that all queries share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text


@dataclass(frozen=True, slots=True)
class View:
    """Figures as known at `as_known` (facts recorded up to then) about `as_of` (what was valid then).

    settled_before: business instant; what was recorded later may still wait for its answer on another topic.
    grace: business time that a stop may take to be obeyed (one true second). scale: true seconds in a business second.
    """

    as_known: datetime
    as_of: datetime
    settled_before: datetime
    grace: timedelta
    scale: float

    def parameters(self) -> dict[str, Any]:
        """What every query may bind."""
        return {
            "known": self.as_known,
            "of": self.as_of,
            "settled": self.settled_before,
            "grace": self.grace,
        }


def rows(db: Connection, view: View, sql: str, **bound: Any) -> Sequence[Row[Any]]:
    """Run a query that binds what it needs of the view."""
    return db.execute(text(sql), {**view.parameters(), **bound}).all()


def row(db: Connection, view: View, sql: str, **bound: Any) -> Row[Any]:
    """Run a query that answers exactly one row."""
    return db.execute(text(sql), {**view.parameters(), **bound}).one()
