"""The borrower's page behind the signed link: looks without changing anything, and takes one answer at a time."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import FormData

from schemas.values import Answer, Positive, Text
from services.kit.pages import SAFE_HEADERS, Pages
from services.kit.problem import problem
from services.kit.service import Refused, Unfit
from services.notifier import domain, handlers, store_asked
from services.notifier.api.asking import Running, said, shown
from services.notifier.api.points import same_points
from services.notifier.api.seen import TIMES, Seen, seen
from services.notifier.links import LinkExpired, LinkInvalid
from services.notifier.settings import NotifierSettings
from services.notifier.store_asked import Row
from services.rulebook.strategy import load_strategy

log = structlog.get_logger(__name__)
FORM_BYTES_MAX = 64_000
FOLDER = Path(__file__).parents[1] / "pages"


def _or_none(value: object) -> object:
    return value.strip() or None if isinstance(value, str) else value


def _plain_amount(value: object) -> object:
    """As people type it: separators, full-width digits and the currency's sign do not matter."""
    if not isinstance(value, str):
        return value
    return unicodedata.normalize("NFKC", value).replace(",", "").strip(" ¥￥元") or None


class AnswerForm(BaseModel):
    """The form, for people and programs alike. A field that its answer needs and lacks is named."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    answer: Answer
    promised_on: Annotated[date | None, BeforeValidator(_or_none)] = None
    amount: Annotated[Positive | None, BeforeValidator(_plain_amount)] = None
    instalments: Annotated[int | None, BeforeValidator(_or_none), Field(ge=2, le=60)] = None
    hardship: Literal["unemployment", "illness", "business_failure", "family", "disaster", "other"] = "other"
    channels: tuple[Literal["sms", "email", "letter", "voice", "visit"], ...] = ()
    statement: Annotated[Text | None, BeforeValidator(_or_none)] = None
    was: tuple[Literal["sms", "email", "letter", "voice", "visit"], ...] = ()
    """Channels that were ticked when the form was shown: those of them that are named no more are allowed again."""
    only: bool = False
    """A stop request for the channels named, and no other; without it, none named means all."""

    @model_validator(mode="after")
    def _complete(self) -> "AnswerForm":
        needs = NEEDS.get(self.answer, ())
        lacking = [name for name in needs if getattr(self, name) is None]
        if self.only and not self.channels and not self.was:
            lacking.append("channels")
        if lacking:
            raise ValueError(f"lacking {' '.join(lacking)}")
        return self


NEEDS: dict[str, tuple[str, ...]] = {
    "promise": ("promised_on", "amount"),
    "plan_request": ("instalments",),
}


PROMISED = {"day": "promised_on", "most": "amount"}
"""What a promise may not go beyond → the field that says it."""


def borrower_page(runtime: Running, settings: NotifierSettings) -> APIRouter:
    """The page's routes."""
    router = APIRouter(tags=["borrower's page"])
    page = BorrowerPage(runtime, settings)

    @router.get("/n/{token}", response_class=HTMLResponse)
    def look(request: Request, token: str, done: str = "") -> Response:
        """Who writes and why, what is owed, and what can be done about it."""
        return page.look(request, token, done)

    @router.post("/n/{token}")
    async def answer(request: Request, token: str) -> Response:
        """Take an answer (a form). People are sent back to the page; `Accept: application/json` gets what was said."""
        if int(request.headers.get("content-length", "0")) > FORM_BYTES_MAX:
            return problem(413, "the form is too long")
        form = await request.form()
        return await run_in_threadpool(page.take, request, token, form)

    @router.get("/static/borrower.css", include_in_schema=False)
    def style() -> FileResponse:
        return FileResponse(FOLDER / "borrower.css", media_type="text/css", headers={"cache-control": "max-age=300"})

    return router


class BorrowerPage:
    """Looks at a notice by its link, and takes answers to it."""

    def __init__(self, runtime: Running, settings: NotifierSettings) -> None:
        self._runtime, self._settings = runtime, settings
        self._links, self._lender = settings.links(), settings.lender()
        self._pages = replace(Pages.of(FOLDER), headers=_headers(settings.credential_page))

    def look(self, request: Request, token: str, done: str = "") -> Response:
        """The page, or what stands in its place."""
        notice = self._notice(request, token)
        return notice if isinstance(notice, Response) else self._show(request, notice, done=done)

    def take(self, request: Request, token: str, form: FormData) -> Response:
        """One answer. The same form sent twice counts once."""
        notice = self._notice(request, token)
        if isinstance(notice, Response):
            return notice
        given: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
        given |= {"answer": given.get("answer", ""), "channels": form.getlist("channels"), "was": form.getlist("was")}
        if given["answer"] != "wrong_person" and self._seen(notice).is_somebody_else:
            return self._show(request, notice, status=409)
        if given["answer"] == "times":
            return self._prefer(request, notice, token, given)
        return self._take(request, notice, token, given)

    def _take(self, request: Request, notice: Row, token: str, given: dict[str, Any]) -> Response:
        try:
            answer = AnswerForm.model_validate(given)
        except ValidationError as error:
            return self._show(request, notice, status=422, wrong=_wrong(error, given), given=given)
        try:
            events = self._command(notice, answer, str(given.get("once", "")))
        except Unfit:
            return self._show(request, notice, status=422, wrong=self._beyond(notice, answer), given=given)
        except Refused as refused:
            log.info("answer_refused", contact_id=notice["contact_id"], reason=str(refused))
            return self._show(request, notice, status=409, refused=True, given=given)
        if "application/json" in request.headers.get("accept", ""):
            return shown(said(events))
        return RedirectResponse(f"/n/{token}?done={answer.answer}", 303, {"cache-control": "no-store"})

    def _prefer(self, request: Request, notice: Row, token: str, given: dict[str, Any]) -> Response:
        choice = given.get("times", "")
        if choice not in ("any", *TIMES):
            return self._show(request, notice, status=422, wrong={"times": "missing"}, given=given)
        start, end = TIMES.get(choice, (None, None))
        act = handlers.command(domain.prefer, domain.Times(start, end))
        once = hashlib.sha256(f"{given.get('once', '')}\0{choice}".encode()).hexdigest()[:32]
        try:
            self._runtime.command(notice["borrower_id"], act, key=f"times/{notice['contact_id']}/{once}")
        except Refused:
            return self._show(request, notice, status=409, refused=True, given=given)
        return RedirectResponse(f"/n/{token}?done=times", 303, {"cache-control": "no-store"})

    def _command(self, notice: Row, form: AnswerForm, once: str) -> Any:
        """`once` is the form's own number: the same words said on another day are another answer."""
        content = form.model_dump_json().encode()
        currency = self._currency(notice)
        given = domain.Answered(
            **form.model_dump(exclude={"only", "was"}),
            notice_id=notice["contact_id"],
            via="link",
            currency=currency if form.amount else None,
            contact_point=notice["contact_point_id"],
            same_points=self._same(notice) if form.answer == "wrong_person" else (),
        )
        day = self._runtime.clock.now().date().isoformat()
        number = hashlib.sha256((once or day).encode() + b"\0" + content).hexdigest()[:32]
        allowed = tuple(channel for channel in form.was if channel not in form.channels)
        act = handlers.command(domain.choose, given, allowed) if form.only else handlers.command(domain.answer, given)
        return self._runtime.command(notice["borrower_id"], act, key=f"answer/{notice['contact_id']}/{number}")

    def _same(self, notice: Row) -> tuple[str, ...]:
        return same_points(self._runtime, notice["borrower_id"], notice["contact_point_id"])

    def _currency(self, notice: Row) -> str | None:
        return next((owed.currency for owed in self._seen(notice).owed), None)

    def _limits(self, notice: Row) -> domain.Limits:
        state, policy = self._runtime.state(notice["borrower_id"]), load_strategy(self._settings.strategy).promise
        return domain.limits(state, self._currency(notice), policy, self._runtime.clock.now())

    def _beyond(self, notice: Row, answer: AnswerForm) -> dict[str, str]:
        """Which of a promise's fields lies beyond what may be promised."""
        beyond = self._limits(notice).beyond(answer.promised_on, answer.amount)
        return {PROMISED[word]: word for word in beyond}

    def _notice(self, request: Request, token: str) -> Row | Response:
        """The notice that the link opens, or the page that says why it does not."""
        try:
            contact_id = self._links.open("n", token, self._runtime.clock.now())
        except LinkExpired:
            return self._closed(request, "expired", 410)
        except LinkInvalid:
            return self._closed(request, "invalid", 404)
        with self._runtime.engine.begin() as db:
            found = store_asked.contact(db, contact_id)
        return found or self._closed(request, "invalid", 404)

    def _seen(self, notice: Row) -> Seen:
        borrower_id = notice["borrower_id"]
        state = self._runtime.state(borrower_id)
        agency = None
        if state.agency_id and state.agency_id != "in-house":
            with self._runtime.engine.begin() as db:
                agency = store_asked.agency_name(db, state.agency_id)
        known = self._runtime.known_as_of(self._runtime.partition_of(borrower_id))
        return seen(state, notice, agency, self._runtime.clock.now(), known)

    def _show(self, request: Request, notice: Row, *, status: int = 200, **more: Any) -> Response:
        content = self._seen(notice)
        values: dict[str, Any] = {
            "done": "",
            "wrong": {},
            "given": {"answer": "", "channels": ()},
            "refused": False,
            "limits": self._limits(notice),
            "once": hashlib.sha256(f"{notice['contact_id']}{self._runtime.clock.now()}".encode()).hexdigest()[:16],
        }
        values |= more
        return self._pages.answer(
            request,
            "borrower.html",
            status=status,
            prefer=content.language,
            seen=content,
            zone=content.zone,
            **self._words(),
            **values,
        )

    def _closed(self, request: Request, why: str, status: int) -> Response:
        return self._pages.answer(request, "closed.html", status=status, why=why, **self._words())

    def _words(self) -> dict[str, Any]:
        return {
            "lender": self._lender.name,
            "complaints": _call(self._lender.complaints),
            "pay_page": self._settings.pay_page,
            "credential_page": self._settings.credential_page.rstrip("/"),
        }


def _headers(credential_page: str) -> dict[str, str]:
    """The page's headers; its one form that leaves us goes to the page where a visitor's code is checked."""
    there = urlsplit(credential_page)
    others = f" {there.scheme}://{there.netloc}" if there.netloc else ""
    own = SAFE_HEADERS["content-security-policy"].replace("form-action 'self'", f"form-action 'self'{others}")
    return {**SAFE_HEADERS, "content-security-policy": own}


def _call(number: str) -> Markup:
    """A number to tap, which does not break over two lines."""
    digits = "".join(sign for sign in number if sign.isdigit() or sign == "+")
    return Markup('<a class="tel" href="tel:{}">{}</a>').format(digits, number)


def _wrong(error: ValidationError, given: Mapping[str, Any]) -> dict[str, str]:
    """Field → what is wrong with it: missing or unreadable."""
    empty = [name for name in NEEDS.get(given["answer"], ()) if not str(given.get(name, "")).strip()]
    wrong = dict.fromkeys(empty, "missing")
    for each in error.errors(include_url=False, include_input=False):
        if each["loc"]:
            wrong[str(each["loc"][0])] = "unreadable"
        else:
            wrong |= dict.fromkeys(each["msg"].partition("lacking ")[2].split(), "missing")
    return wrong
