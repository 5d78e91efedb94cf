"""The contact ledger, to read: what was proposed, decided and done, for whom, and what nobody knows the end of."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

from schemas.values import Id
from services.notifier import store_asked
from services.notifier.api.answers import Contacts, Decisions, FoundOut, Ledger, UnknownNotices, described
from services.notifier.api.asking import Asked, Run, Running, contact_of, shown
from services.notifier.store_asked import Row

router = APIRouter()
PAGE_MAX = 500
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Before = Annotated[str, Query(description="the `next` of the page before", max_length=200)]


@router.get("/decisions/{contact_id}", tags=["contact gate"], responses=described(Decisions, 404))
def decisions(runtime: Run, contact_id: str) -> JSONResponse:
    """Every decision about a contact: what was asked, what the rules said and on what knowledge."""
    with runtime.engine.begin() as db:
        found = store_asked.decisions_about(db, [contact_id])
    if not found:
        raise HTTPException(404, f"nothing was decided about {contact_id}")
    return shown({"contact_id": contact_id, "decisions": found})


@router.get("/borrowers/{borrower_id}/contacts", tags=["borrowers"], responses=described(Contacts))
def contacts(runtime: Run, borrower_id: str, limit: Limit = 100, before: Before = "") -> JSONResponse:
    """A borrower's contacts, the latest first, over all loans and agencies."""
    with runtime.engine.begin() as db:
        found = store_asked.contacts_of(db, borrower_id, limit, _before(before))
    content = {"borrower_id": borrower_id, "known_as_of": _known(runtime, borrower_id), "contacts": found}
    return shown({**content, "next": _next(found, limit, "not_before", "contact_id")})


@router.get("/cases/{case_id}/ledger", tags=["contact gate"], responses=described(Ledger, 404))
def ledger(runtime: Run, case_id: str, limit: Limit = 100, before: Before = "") -> JSONResponse:
    """Every proposal about the borrower of a case: who asked, what was decided and why, and what came of it."""
    borrower_id = case_id.removeprefix("C-").rpartition("-")[0]
    with runtime.engine.begin() as db:
        proposals = store_asked.proposals_of(db, borrower_id, limit, _before(before))
        ids = [row["contact_id"] for row in proposals]
        decided, made = store_asked.decisions_about(db, ids), store_asked.contacts_by_id(db, ids)
    if not proposals and not before:
        raise HTTPException(404, f"no contact of the borrower of {case_id} was ever proposed")
    entries = [
        {
            "contact_id": row["contact_id"],
            "proposed_by": row["proposed_by"],
            "channel": row["channel"],
            "purpose": row["purpose"],
            "decisions": [_short(each) for each in decided if each["contact_id"] == row["contact_id"]],
            "contact": made.get(row["contact_id"]),
        }
        for row in proposals
    ]
    about = {"case_id": case_id, "borrower_id": borrower_id, "known_as_of": _known(runtime, borrower_id)}
    return shown({**about, "entries": entries, "next": _next(proposals, limit, "decided_at", "contact_id")})


@router.get("/notices/unknown", tags=["operations"], responses=described(UnknownNotices))
def unknown(runtime: Run, limit: Limit = 100, after: Before = "") -> JSONResponse:
    """Notices of which nobody knows whether they went out or arrived, the oldest first, with their age."""
    return shown(unknown_notices(runtime, limit, after))


class FindingTold(Asked):
    """What the carrier says became of a notice. It is kept for people: nothing is sent, and nothing proved, by it."""

    finding: Literal["arrived", "not_arrived", "not_known"]
    said_by: Id


@router.post("/notices/unknown/{contact_id}", tags=["operations"], responses=described(FoundOut, 404, 409, 422))
def find_out(runtime: Run, contact_id: str, told: FindingTold) -> JSONResponse:
    """Keep what was found out about a notice whose end nobody knew, and list it no more. The first word counts."""
    keep_finding(runtime, contact_id, told)
    return shown({"contact_id": contact_id})


def keep_finding(runtime: Running, contact_id: str, told: FindingTold) -> None:
    """For programs and for the page. HTTP 404 and 409 where there is no such notice, or its end is known."""
    contact_of(runtime, contact_id)
    with runtime.engine.begin() as db:
        if not store_asked.find_out(db, contact_id, told.finding, told.said_by, runtime.clock.now()):
            raise HTTPException(409, f"the end of {contact_id} is not unknown")


def unknown_notices(runtime: Running, limit: int, after: str) -> dict[str, Any]:
    """The list, for programs and for the page."""
    now = runtime.clock.now()
    with runtime.engine.begin() as db:
        count, rows = store_asked.unknown(db, limit, _before(after))
        mails = store_asked.mails_without_receipt(db)
    notices = [{**row, "age_hours": round((now - row["since"]).total_seconds() / 3600, 1)} for row in rows]
    following = _next(rows, limit, "since", "contact_id")
    about = {"known_as_of": now, "count": count, "mails_without_receipt": mails}
    return {**about, "notices": notices, "next": following}


def _known(runtime: Running, borrower_id: str) -> Any:
    return runtime.known_as_of(runtime.partition_of(borrower_id))


def _short(decision: Row) -> dict[str, Any]:
    """A decision without its inputs; those stand at /decisions/<contact id>."""
    return {name: value for name, value in decision.items() if name != "inputs"}


def _next(rows: Sequence[Row], limit: int, time: str, number: str) -> str | None:
    return f"{rows[-1][time].isoformat()}~{rows[-1][number]}" if len(rows) == limit else None


def _before(cursor: str) -> tuple[str, str] | None:
    """The place that a cursor names. HTTP 422 where it is none of ours."""
    time, mark, number = cursor.partition("~")
    if cursor and (not mark or not store_asked.is_instant(time)):
        raise HTTPException(422, "this is not a `next` of ours")
    return (time, number) if cursor else None
