"""How many records stand in the dead letters of each service."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from services.reporting.store.tables import letters


def count(db: Connection) -> int:
    """Over all services, as last looked at."""
    return int(db.scalar(select(func.coalesce(func.sum(letters.c.letters), 0))) or 0)


def by_service(db: Connection) -> dict[str, int]:
    """For each service that was looked at."""
    return {r.service: r.letters for r in db.execute(select(letters).order_by(letters.c.service))}


def seen(db: Connection, counts: Mapping[str, int]) -> None:
    """Keep what was counted."""
    if not counts:
        return
    statement = insert(letters).values(
        [{"service": s, "letters": n, "seen_at": func.now()} for s, n in sorted(counts.items())]
    )
    fresh = {"letters": statement.excluded.letters, "seen_at": statement.excluded.seen_at}
    db.execute(statement.on_conflict_do_update(index_elements=["service"], set_=fresh))
