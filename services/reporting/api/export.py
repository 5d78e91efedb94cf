"""Whole tables, as CSV always and as Parquet where the library for it is installed."""

import csv
import importlib.util
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from services.kit.problem import NotFound
from services.reporting.api.asked import Desk
from services.reporting.store.listings import LISTINGS, Listing, every, listing, words_asked

PARQUET = importlib.util.find_spec("pyarrow") is not None
"""Parquet needs `pyarrow`, which Arrears does not install by itself."""


def export_router(desk: Desk) -> APIRouter:
    """The routes of all exports."""
    router = APIRouter(tags=["export"])

    @router.get("/export")
    def tables() -> dict[str, list[str]]:
        """Which tables can be exported, and in which formats."""
        return {"tables": sorted(LISTINGS), "formats": ["csv", "parquet"] if PARQUET else ["csv"]}

    @router.get("/export/{name}.csv")
    def as_csv(request: Request, name: str, as_known: str = "") -> Response:
        """A table as CSV; the filters of the page may be given as further parameters."""
        table = _table(name)
        head = [column.name for column in table.columns]
        lines = _lines(head, _rows(desk, table, as_known, dict(request.query_params)))
        disposition = {"content-disposition": f'attachment; filename="{name}.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=disposition)

    @router.get("/export/{name}.parquet")
    def as_parquet(request: Request, name: str, as_known: str = "") -> Response:
        """A table as Parquet; 404 where the library for it is not installed."""
        if not PARQUET:
            raise NotFound("Parquet needs the library pyarrow, which is not installed here; CSV is offered instead")
        return _parquet(_table(name), _rows(desk, _table(name), as_known, dict(request.query_params)))

    return router


def _table(name: str) -> Listing:
    if name not in LISTINGS:
        raise NotFound(f"there is no table {name!r}; there are {', '.join(sorted(LISTINGS))}")
    return listing(name)


def _rows(desk: Desk, table: Listing, as_known: str, asked: dict[str, str]) -> Iterator[list[Any]]:
    view = desk.view(as_known)
    words = words_asked(table, asked)
    with desk.reading() as db:
        for row in every(db, view, table, words, day=desk.today(view)):
            yield [getattr(row, column.name) for column in table.columns]


def _lines(head: list[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_plain(value) for value in row])
        if buffer.tell() > 64_000:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _plain(value: object) -> object:
    """Amounts and instants as everywhere else; a text that a spreadsheet would run as a formula is made harmless."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


def _parquet(table: Listing, rows: Iterable[list[Any]]) -> Response:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    data = {c.name: list(values) for c, values in zip(table.columns, columns, strict=True)}
    sink = io.BytesIO()
    parquet.write_table(arrow.table(data), sink)
    return Response(sink.getvalue(), media_type="application/vnd.apache.parquet")
