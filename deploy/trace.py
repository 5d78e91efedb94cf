"""One timeline of anything: all facts that name it, in every service what stands, waits or was buried because of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from deploy.local.errors import StackError
from schemas.topics import SERVICES


class NothingFound(StackError):
    """No fact, state or dead letter names this id."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing on the timeline. `at` is business time, `where` topic/partition/offset or the table it stands in."""

    at: datetime | None
    what: str
    words: str
    where: str
    event_id: str
    because: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is known of an id: whom it concerns, what happened in order, what stands open."""

    id: str
    borrowers: tuple[str, ...]
    moments: tuple[Moment, ...]
    open: tuple[Moment, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain objects."""
        return asdict(self)


def trace(database_url: str, id_: str) -> Timeline:
    """The timeline of a loan, borrower, case, placement, visit, notice, promise, proof or event id.

    Facts come from reporting's log of all topics; what is not there (unpublished, parked, buried) from the services'
    own tables. Raises NothingFound.
    """
    try:
        with psycopg.connect(database_url, row_factory=dict_row) as db:
            facts = db.execute(_FACTS, {"id": notice_of(db, id_)}).fetchall()
            found = {fact["borrower_id"] for fact in facts if fact["borrower_id"]}
            borrowers = tuple(sorted(found or _known_borrower(db, id_)))
            standing = [row for service in SERVICES for row in _standing(db, service, borrowers)]
    except psycopg.OperationalError as error:
        raise StackError(f"The database does not answer: {error}. Is the system up (`arrears status`)?") from None
    if not facts and not standing:
        raise NothingFound(f"Nothing names {id_!r}. Ids stand in the events: loan, borrower, case, visit, event …")
    return Timeline(id_, borrowers, tuple(moment_of(fact) for fact in facts), tuple(standing))


_FACTS = SQL("""
    SELECT f.*, b.data FROM reporting.facts f JOIN reporting.bodies b USING (topic, partition, "offset")
    WHERE f.ids @> ARRAY[%(id)s::text] OR f.event_id = %(id)s OR f.causation_id = %(id)s
    ORDER BY f.valid_time, f.recorded_wall, f.topic, f.partition, f."offset"
    LIMIT 10000
""")
_STATE = SQL("SELECT borrower_id, next_at, version, state FROM {}.states WHERE borrower_id = ANY(%s)")
_UNSAID = SQL("""
    SELECT o.topic, o.sequence, o.id, o.type FROM {0}.outbox o JOIN {0}.sequences s USING (topic, partition)
    WHERE o.aggregateid = ANY(%s) AND o.sequence > s.published ORDER BY o.topic, o.sequence
""")
_BURIED = SQL("""
    SELECT number, topic, partition, position, reason, error, attempts, first_failed_at FROM {}.dead_letters
    WHERE redriven_at IS NULL AND (borrower_id = ANY(%s) OR key = ANY(%s)) ORDER BY number
""")
_PARKED = SQL("SELECT topic, partition, position FROM {}.parked WHERE borrower_id = ANY(%s) ORDER BY number")


_PROVED = SQL("SELECT contact_id FROM notifier.contacts WHERE contact_id = %s AND proof->>'proof_id' = %s")
PROOF = "PF-"


def notice_of(db: "psycopg.Connection[dict[str, Any]]", id_: str) -> str:
    """The notice whose delivery a proof (PF-…) proves; any other id as it is."""
    found = db.execute(_PROVED, [id_.removeprefix(PROOF), id_]).fetchone() if id_.startswith(PROOF) else None
    return found["contact_id"] if found else id_


def _known_borrower(db: "psycopg.Connection[dict[str, Any]]", id_: str) -> set[str]:
    query = " UNION ".join(
        f"SELECT borrower_id FROM {service}.states WHERE borrower_id = %(id)s" for service in SERVICES
    )
    return {row["borrower_id"] for row in db.execute(SQL(query), {"id": id_})}


def moment_of(fact: dict[str, Any]) -> Moment:
    """What a row of reporting's log of facts, with its data, says on a timeline."""
    words = " · ".join(str(fact[name]) for name in ("subject_id", "label", "detail") if fact[name])
    money = f" · {fact['amount']} {fact['currency'] or ''}".rstrip() if fact["amount"] is not None else ""
    where = f"{fact['topic']}/{fact['partition']}/{fact['offset']}"
    because, data = fact["causation_id"] or "", fact["data"]
    told = words + money + "".join(f" · {reason}" for reason in _reasons(data))
    return Moment(fact["valid_time"], fact["type"], told, where, fact["event_id"], because, data)


def _reasons(data: dict[str, Any]) -> Iterator[str]:
    """Why a contact was denied, or allowed in spite of a rule, and from when on it could be otherwise."""
    for reason in data.get("reasons") or ():
        if isinstance(reason, dict):
            yield f"{reason['rule_id']}: {reason['text']}"
    if data.get("retry_at"):
        yield f"not before {data['retry_at']}"


def _standing(db: "psycopg.Connection[dict[str, Any]]", service: str, borrowers: Sequence[str]) -> list[Moment]:
    """What a service holds of these borrowers that no published fact shows."""
    ids, keys = list(borrowers), [borrower.encode() for borrower in borrowers]

    def rows(query: SQL, *arguments: object) -> list[dict[str, Any]]:
        return db.execute(query.format(Identifier(service)), arguments).fetchall()

    return [
        *(_note(f"{service}: next look", row["next_at"], f"version {row['version']}", f"{service}.states")
          for row in rows(_STATE, ids) if row["next_at"]),
        *(_note(f"{service}: not yet published", None, f"{row['type']} {row['id']}", f"{service}.outbox")
          for row in rows(_UNSAID, ids)),
        *(_note(f"{service}: dead letter", row["first_failed_at"], _why(row), _place(row))
          for row in rows(_BURIED, ids, keys)),
        *(_note(f"{service}: waits behind a dead letter", None, "", _place(row)) for row in rows(_PARKED, ids)),
    ]  # fmt: skip


def _why(row: dict[str, Any]) -> str:
    return f"no. {row['number']}: {row['reason']} {row['error']}"


def _place(row: dict[str, Any]) -> str:
    return f"{row['topic']}/{row['partition']}/{row['position']}"


def _note(what: str, at: datetime | None, words: str, where: str) -> Moment:
    return Moment(at, what, words, where, "", "", {})
