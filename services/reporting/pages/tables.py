"""A table as a page shows it: sorted, filtered and paged by what stands in the address."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from sqlalchemy import Connection

from services.reporting.store.listings import Column, Listing, Page, listing, page, words_asked, words_of
from services.reporting.store.listings import Request as Asked
from services.reporting.store.view import View


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of a table with the words that its columns may be filtered by."""

    table: Listing
    page: Page
    sort: str
    words: dict[str, str]
    choices: dict[str, list[tuple[str, int]]]
    further: bool

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns to show: a currency stands with its amounts, the parts of a sum in the export and on the case."""
        return tuple(c for c in self.table.columns if c.name not in {"currency", "principal", "interest", "fees"})

    @property
    def filters(self) -> dict[str, str]:
        """What is filtered by something else than the choices."""
        return {name: value for name, value in self.words.items() if name not in self.choices}


def show(db: Connection, view: View, request: Request, name: str, **bound: Any) -> Shown:
    """The page of a table that the address asks for."""
    table, asked = listing(name), dict(request.query_params)
    words = words_asked(table, asked)
    wanted = Asked(asked.get("sort", ""), words, asked.get("cursor", ""))
    choices = {c.name: words_of(db, view, table, c.name, **bound) for c in table.columns if c.kind == "word"}
    choices.pop("currency", None)
    found = page(db, view, table, wanted, **bound)
    return Shown(table, found, wanted.sort or table.sort, words, choices, bool(wanted.cursor))
