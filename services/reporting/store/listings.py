"""Tables that people sort, filter, page by cursor and export: each a query with its columns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, text

from services.reporting.store import listed
from services.reporting.store.view import View

Kind = Literal["id", "borrower", "word", "text", "money", "number", "day", "instant"]
PAGE = 50
_FLOOR = {  # what sorts before all there is, and is an instant or a day that Python has too
    "money": "coalesce({}, -1e15)",
    "number": "coalesce({}, -1)",
    "day": "coalesce({}, '0001-01-03'::date)",
    "instant": "coalesce({}, '0001-01-03T00:00Z'::timestamptz)",
}
_CAST = {"money": "numeric", "number": "bigint", "day": "date", "instant": "timestamptz"}


NOT_TOLD = "none"
"""The word by which rows are found in which a column has no value."""


class Unasked(Exception):
    """There is no such table, column or cursor. The reader made a mistake (HTTP 404 or 422)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Words may be filtered by; everything may be sorted by."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Listing:
    """A table: a query that ends in a SELECT, its columns in order, and how it is sorted unless asked otherwise."""

    name: str
    sql: str
    columns: tuple[Column, ...]
    sort: str

    def column(self, name: str) -> Column:
        """The column of that name. Raises Unasked."""
        for column in self.columns:
            if column.name == name:
                return column
        raise Unasked(f"{self.name} has no column {name!r}; it has {', '.join(c.name for c in self.columns)}")


def _listing(name: str, sql: str, columns: str, sort: str) -> Listing:
    """`columns` is like `id:id outcome:word arrears:money`."""
    named = (part.split(":") for part in columns.split())
    return Listing(name, sql, tuple(Column(n, k) for n, k in named), sort)  # type: ignore[arg-type]


LISTINGS: Mapping[str, Listing] = {
    listing.name: listing
    for listing in (
        _listing(
            "cases",
            listed.CASES,
            "id:id borrower_id:id outcome:word stage:word segment:word arm:word arrears:money currency:word"
            " opened_at:instant closed_at:instant",
            "-opened_at",
        ),
        _listing(
            "loans",
            listed.LOANS_STANDING,
            "id:id borrower_id:id bucket:word state:word arrears:money principal:money interest:money fees:money"
            " outstanding:money currency:word oldest_due_on:day product:word region:word",
            "-arrears",
        ),
        _listing(
            "notices",
            listed.NOTICES,
            "id:id borrower_id:id step:word channel:word state:word answer:word arrears:money currency:word"
            " sent_at:instant",
            "-sent_at",
        ),
        _listing(
            "denials",
            listed.DENIALS,
            "contact_id:id borrower_id:id purpose:word channel:word rule:word decided_at:instant",
            "-decided_at",
        ),
        _listing(
            "placements",
            listed.PLACEMENTS,
            "id:id borrower_id:id agency_id:id state:word cause:word arrears:money currency:word offered_at:instant"
            " activated_at:instant recalled_at:instant attested:word",
            "-offered_at",
        ),
        _listing(
            "promises",
            listed.PROMISES_LISTED,
            "id:id borrower_id:id outcome:word via:word amount:money currency:word due_on:day made_at:instant"
            " decided_at:instant",
            "-made_at",
        ),
        _listing(
            "visits",
            listed.VISITS,
            "id:id borrower_id:id agency_id:id ending:word reason:word attempt:number window_start:instant"
            " arrived_at:instant",
            "-window_start",
        ),
        _listing(
            "payments",
            listed.PAYMENTS,
            "payment_id:id borrower_id:id loan_id:id attributed_to:word agency_id:id amount:money currency:word"
            " paid_at:instant",
            "-paid_at",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the reader wants of a table: sorted how (`-` before the name turns it), which words, from where on."""

    sort: str = ""
    words: Mapping[str, str] | None = None
    cursor: str = ""
    most: int = PAGE


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `next` is the cursor of the following one, or None; `total` counts all rows that match."""

    rows: Sequence[Row[Any]]
    next: str | None
    total: int


def listing(name: str) -> Listing:
    """The table of that name. Raises Unasked."""
    if name not in LISTINGS:
        raise Unasked(f"there is no table {name!r}; there are {', '.join(sorted(LISTINGS))}")
    return LISTINGS[name]


def page(db: Connection, view: View, table: Listing, asked: Request, **bound: Any) -> Page:
    """One page of a table. Raises Unasked."""
    where, words = _words(table, asked.words or {})
    sort = asked.sort or table.sort
    column, down = table.column(sort.removeprefix("-")), sort.startswith("-")
    key = _FLOOR.get(column.kind, "coalesce({}::text, '')").format(column.name)
    after, at = _after(asked.cursor, column, down)
    order = "DESC" if down else "ASC"
    sql = f"""{_head(table.sql)}
SELECT *, {key} AS sort_key, (SELECT count(*) FROM listed WHERE {where}) AS total FROM listed
WHERE {where} {after.format(key=key)} ORDER BY {key} {order}, id {order} LIMIT :most"""
    found = db.execute(text(sql), {**view.parameters(), **bound, **words, **at, "most": asked.most + 1}).all()
    shown = found[: asked.most]
    more = len(found) > asked.most
    return Page(shown, _cursor(shown[-1]) if more else None, found[0].total if found else 0)


def _head(sql: str) -> str:
    """The query as a CTE named `listed`."""
    before, _, last = sql.rpartition("\n--\n")
    return f"{before},\nlisted AS ({last})" if before else f"WITH listed AS ({last})"


def _words(table: Listing, words: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    parts = [f"coalesce({table.column(name).name}::text, '{NOT_TOLD}') = :w_{name}" for name in words]
    return " AND ".join(parts) or "true", {f"w_{name}": value for name, value in words.items()}


def _after(cursor: str, column: Column, down: bool) -> tuple[str, dict[str, str]]:
    if not cursor:
        return "", {}
    try:
        value, id_ = json.loads(cursor)
    except (ValueError, TypeError):
        raise Unasked("this cursor is not one of ours") from None
    sign = "<" if down else ">"
    cast = _CAST.get(column.kind, "text")
    return f"AND ({{key}}, id) {sign} (CAST(:at_value AS {cast}), :at_id)", {"at_value": str(value), "at_id": str(id_)}


def _cursor(row: Row[Any]) -> str:
    key = row.sort_key
    return json.dumps([key.isoformat() if hasattr(key, "isoformat") else str(key), row.id])


def words_asked(table: Listing, asked: Mapping[str, str]) -> dict[str, str]:
    """The filters among a request's parameters: those that name a column and are not empty."""
    names = {column.name for column in table.columns}
    return {name: value for name, value in asked.items() if name in names and value}


def every(db: Connection, view: View, table: Listing, words: Mapping[str, str], **bound: Any) -> Iterator[Row[Any]]:
    """All rows of a table that match, for an export; read in pieces, so that a large one needs no memory."""
    where, asked = _words(table, words)
    sql = text(f"{_head(table.sql)}\nSELECT * FROM listed WHERE {where} ORDER BY id")
    pieces = db.execution_options(stream_results=True, yield_per=2000)
    with pieces.execute(sql, {**view.parameters(), **bound, **asked}) as found:
        yield from found


_WORDS = (
    "{}\nSELECT {} AS word, count(*) AS number FROM listed WHERE {} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 30"
)


def words_of(db: Connection, view: View, table: Listing, name: str, **bound: Any) -> list[tuple[str, int]]:
    """Every word of a column with how many rows have it, the most frequent first."""
    column = table.column(name).name
    sql = text(_WORDS.format(_head(table.sql), column, column))
    return [(str(r.word), r.number) for r in db.execute(sql, {**view.parameters(), **bound})]
