"""The result form on the visitors' phone."""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from schemas.agencies import Conduct, Evidence, VisitResult
from services.visits import handlers_commands as commands
from services.visits.api.base import Base
from services.visits.api.phone import back, of_team, screen
from services.visits.api.problems import NotApplied
from services.visits.api.rest import Result, report_of
from services.visits.domain.dispositions import MEANINGS
from services.visits.queries import Row

MET = [disposition for disposition, meaning in MEANINGS.items() if meaning.met]
NOT_MET = [disposition for disposition, meaning in MEANINGS.items() if not meaning.met]
REASONS = (
    "unemployment",
    "illness",
    "business_failure",
    "overindebted",
    "forgot",
    "unwilling",
    "fraud",
    "family",
    "other",
)
WAITED_SECONDS_MAX = 3 * 24 * 3600
RECORDING_LEAD = timedelta(minutes=1)
"""The box says that the recording ran before the door; when exactly stands in the recording itself."""


class Sheet(BaseModel):
    """The result form as a browser sends it."""

    disposition: str = ""
    reason_for_default: str = ""
    promised_on: str = ""
    promised_amount: str = ""
    instalments: str = ""
    statement: str = ""
    identity: str = ""
    recording: str = ""
    consent: str = ""
    entered: str = ""
    evidence: str = ""
    waited: float = 0
    """Seconds for which the form lay on a phone without connection."""


def result_of(base: Base, row: Row, sheet: Sheet) -> Result:
    """The form as a result. Raises ValidationError where it cannot be one."""
    placement = base.runtime.state(row["borrower_id"]).placement
    promise = sheet.disposition == "promise"
    return Result(
        agency_id=row["agency_id"],
        team=tuple(row["team"]),
        statement=sheet.statement or None,
        ended_at=_ended_at(base, row, sheet.waited),
        result=VisitResult.model_validate(
            {
                "disposition": sheet.disposition,
                "reason_for_default": sheet.reason_for_default or None,
                "promised_on": (promise and sheet.promised_on) or None,
                "promised_amount": (promise and sheet.promised_amount) or None,
                "currency": placement.currency if promise and placement else None,
                "instalments": (sheet.disposition == "plan_agreed" and sheet.instalments) or None,
            }
        ),
        conduct=Conduct(
            identity_shown=bool(sheet.identity),
            recording_started_at=row["arrived_at"] - RECORDING_LEAD if sheet.recording and row["arrived_at"] else None,
            consent_to_enter=bool(sheet.consent),
            entered=bool(sheet.entered),
        ),
        evidence=tuple(Evidence.model_validate(item) for item in json.loads(sheet.evidence or "[]")),
    )


def _ended_at(base: Base, row: Row, waited: float) -> datetime:
    """When the visit ended: when the form was filled in, which is not before the word go."""
    now = base.runtime.clock.now()
    filled_in = now - timedelta(seconds=min(max(waited, 0), WAITED_SECONDS_MAX))
    return max(filled_in, row["arrived_at"] or filled_in)


def router(base: Base) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/team/{staff_id}/{visit_id}/report")
    def form(request: Request, staff_id: str, visit_id: str) -> Response:
        row = of_team(base, staff_id, visit_id)
        sheet = Sheet.model_validate(dict(request.query_params))
        return _form(base, request, staff_id, row, sheet)

    @routes.post("/team/{staff_id}/{visit_id}/report")
    def send(request: Request, staff_id: str, visit_id: str, sheet: Annotated[Sheet, Form()]) -> Response:
        row = of_team(base, staff_id, visit_id)
        try:
            result = result_of(base, row, sheet)
            key = f"result/{visit_id}/{hash_of(result)}"
            with suppress(NotApplied):  # kept and shown: the page of the visit says that it is over
                base.result(row, report_of(base, row, result), key, b"")
        except (ValidationError, ValueError):
            return _form(base, request, staff_id, row, sheet, "unreadable")
        except commands.Wrong as error:
            return _form(base, request, staff_id, row, sheet, *(p.field for p in error.problems))
        return back(f"/team/{staff_id}/{visit_id}")

    return routes


def hash_of(result: Result) -> str:
    """Names a result by what it says, so that the same form sent twice is one report."""
    return sha256(result.model_dump_json(exclude={"ended_at"}).encode()).hexdigest()[:16]


def _form(base: Base, request: Request, staff_id: str, row: Row, sheet: Sheet, *wrong: str) -> Response:
    values = {"sheet": sheet, "wrong": wrong, "met": MET, "not_met": NOT_MET, "reasons_for_default": REASONS}
    return screen(base, request, staff_id, row, "report.html", status=422 if wrong else 200, **values)
