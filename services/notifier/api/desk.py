"""Pages for those who run notifier: notices whose end nobody knows, and every text as a borrower would see it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import ValidationError

from schemas.values import Arrears, Channel
from services.kit.pages import LANGUAGES, SAFE_HEADERS, Language, Pages
from services.notifier.api.answers import PreviewedTexts, described
from services.notifier.api.asking import Running, shown
from services.notifier.api.ledger import Before, FindingTold, Limit, keep_finding, unknown_notices
from services.notifier.api.lost import lost
from services.notifier.channels import Message
from services.notifier.channels.letter import Press, letter_fonts
from services.notifier.settings import NotifierSettings
from services.notifier.text import CHANNELS, Notice, Texts, Unfit, Written, sample
from services.notifier.writer import parts_for
from services.rulebook.packs import Rulebook
from services.rulebook.shelf import load_rulebooks

FOLDER = Path(__file__).parents[1] / "pages"
AS_MAIL = {**SAFE_HEADERS, "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
NAMES: dict[Language, tuple[str, str]] = {
    "zh-CN": ("欧阳晓明", "广东省深圳市南山区高新南一道9号\n创维大厦A座1201室"),
    "en": ("Alex Chen-Williams", "Flat 12A, 9 Gaoxin South Road\nNanshan, Shenzhen 518057"),
}
CURRENCY = {"CN": "CNY", "US": "USD", "IN": "INR", "GB": "GBP"}
AMOUNTS = frozenset({*Arrears.model_fields, "total"})
Country = Annotated[str, Query(pattern="^[A-Z]{2}$", description="whose rule book says what a text must contain")]
Wanted = Annotated[Language, Query(description="the language of the text")]


class Previews:
    """Every text, written for a sample borrower on this day under any country's rules."""

    def __init__(self, settings: NotifierSettings, today: Callable[[], date]) -> None:
        self._today = today
        self.texts = Texts(settings.lender())
        self.rulebooks = load_rulebooks()
        self._settings = settings
        self._press: Press | None = None

    def rows(self) -> list[tuple[str, list[Channel]]]:
        """Each text with the channels that it is there for; a letter's step is the only one that is printed."""
        names = self.texts.names("sms")
        return [(name, [c for c in CHANNELS if name in self.texts.names(c) and _is_used(name, c)]) for name in names]

    def write(self, name: str, channel: Channel, language: Language, country: str) -> Written:
        """The text. HTTP 404 where there is none; raises Unfit where not even a sample law firm makes it fit."""
        if name not in self.texts.names(channel):
            raise HTTPException(404, f"there is no text {name}.{channel}")
        return self.texts.write(self._notice(name, channel, language, country), to_look_at=True)

    def unfit(self, name: str, channel: Channel, language: Language, country: str) -> Unfit | None:
        """Why a text may not be sent as things are set up; None where it may."""
        try:
            self.texts.write(self._notice(name, channel, language, country))
        except Unfit as error:
            return error
        return None

    def press(self) -> Press:
        """What sets letters; made when it is first asked for."""
        if self._press is None:
            self._press = Press(self.texts.folder / "letter.typ", letter_fonts(self._settings.font_dir))
        return self._press

    def parts(self, channel: Channel, country: str) -> dict[str, tuple[str, ...]]:
        """What the country's rule book in force asks every text over a channel to say. HTTP 404: no rule book."""
        found = next((b for b in self.rulebooks.versions() if b.country == country and self._is_base(b)), None)
        if found is None:
            raise HTTPException(404, f"there is no rule book for {country}")
        return dict(parts_for(found, channel, self._today()))

    def _is_base(self, book: Rulebook) -> bool:
        return self.rulebooks.base.get(book.country) == book.version

    def as_json(self, name: str, channel: Channel, language: Language, country: str) -> dict[str, Any]:
        """The text for programs; where it may not be sent, why."""
        about: dict[str, Any] = {"name": name, "channel": channel, "language": language}
        if unfit := self.unfit(name, channel, language, country):
            about["unfit"] = str(unfit)
        try:
            written = self.write(name, channel, language, country)
        except Unfit:
            return about
        message = written.message
        said = {"subject": message.subject, "greeting": message.greeting, "text": message.text}
        return {**about, **said, "digest": written.digest, "parts": self.parts(channel, country)}

    def letter(self, name: str, language: Language, country: str) -> Message:
        """A letter to be set. HTTP 409 where not even a sample law firm makes it fit."""
        try:
            return self.write(name, "letter", language, country).message
        except Unfit as error:
            raise HTTPException(409, str(error)) from None

    def _notice(self, name: str, channel: Channel, language: Language, country: str) -> Notice:
        today = self._today()
        bare, (person, address) = sample(name, channel, language), NAMES[language]
        return replace(
            bare,
            contact_id="N-B01014-3",
            to=address,
            name=person,
            currency=CURRENCY.get(country, "CNY"),
            days_past_due=12,
            written_on=today,
            due_date=today if name == "early_warning" else None,
            link=f"{self._settings.link_base.rstrip('/')}/n/bkAB3kROLUIwMTAxNC0zJ8kq2mX0uG1yq",
            link_until=today + timedelta(days=self._settings.link_days),
            parts=self.parts(channel, country),
        )


def _is_used(name: str, channel: Channel) -> bool:
    return channel != "letter" or name.endswith("letter")


def _as_parts(lacking: Iterable[str]) -> list[str]:
    """What is lacking as people name it, each once: any sum is one of the amounts."""
    return list(dict.fromkeys("amounts" if name in AMOUNTS else name for name in lacking))


def desk(runtime: Running, settings: NotifierSettings) -> APIRouter:
    """The routes of these pages, and the same for programs."""
    router, pages = APIRouter(tags=["operations"]), Pages.of(FOLDER)
    pages.environment.filters["lost"] = lost
    previews = Previews(settings, lambda: runtime.clock.now().date())

    @router.get("/unknown", response_class=HTMLResponse)
    def unknown(request: Request, limit: Limit = 100, after: Before = "") -> Response:
        """Notices of which nobody knows whether they went out or arrived, the oldest first."""
        return pages.answer(request, "unknown.html", **unknown_notices(runtime, limit, after))

    @router.post("/unknown/{contact_id}", response_class=HTMLResponse)
    def found(contact_id: str, finding: Annotated[str, Form()], said_by: Annotated[str, Form()]) -> Response:
        """Keep what was found out about one of them (a form), and go back to the list."""
        try:
            told = FindingTold.model_validate({"finding": finding, "said_by": said_by.strip()})
        except ValidationError:
            raise HTTPException(422, "say what the carrier says, and who you are") from None
        keep_finding(runtime, contact_id, told)
        return RedirectResponse("/unknown", 303, {"cache-control": "no-store"})

    @router.get("/static/desk.css", include_in_schema=False)
    def style() -> FileResponse:
        return FileResponse(FOLDER / "desk.css", media_type="text/css", headers={"cache-control": "max-age=300"})

    _add_texts(router, pages, previews)
    _add_pictures(router, previews)
    return router


def _add_texts(router: APIRouter, pages: Pages, previews: Previews) -> None:
    @router.get("/templates", response_class=HTMLResponse)
    def templates(request: Request, country: Country = "CN") -> Response:
        """Every text, with a way to look at each."""
        countries = sorted({book.country for book in previews.rulebooks.versions()})
        about: dict[str, Any] = {"version": previews.texts.version, "country": country, "countries": countries}
        return pages.answer(request, "templates.html", rows=previews.rows(), **about)

    @router.get("/templates/{name}/{channel}", response_class=HTMLResponse)
    def one(request: Request, name: str, channel: Channel, country: Country = "CN", text: Wanted = "zh-CN") -> Response:
        """One text as a borrower would get it, what it must contain, and which rule asks for that."""
        written = None
        with suppress(Unfit):
            written = previews.write(name, channel, text, country)
        unfit = previews.unfit(name, channel, text, country)
        about: dict[str, Any] = {"name": name, "channel": channel, "country": country, "text": text, "texts": LANGUAGES}
        parts = previews.parts(channel, country)
        about |= {"unfit": unfit, "lacking": _as_parts(unfit.what) if unfit else [], "parts": parts}
        return pages.answer(request, "template.html", **about, written=written)

    @router.get("/api/templates", responses=described(PreviewedTexts, 404))
    def listed(country: Country = "CN") -> JSONResponse:
        """Every text over every channel in every language for a sample borrower, and the version that speaks."""
        texts = [
            previews.as_json(name, channel, language, country)
            for name, channels in previews.rows()
            for channel in channels
            for language in LANGUAGES
        ]
        return shown({"version": previews.texts.version, "country": country, "texts": texts})


def _add_pictures(router: APIRouter, previews: Previews) -> None:
    @router.get("/templates/{name}/email/mail", response_class=HTMLResponse)
    def mail(name: str, country: Country = "CN", text: Wanted = "zh-CN") -> Response:
        """An e-mail as it looks."""
        return HTMLResponse(previews.write(name, "email", text, country).message.html, headers=AS_MAIL)

    @router.get("/templates/{name}/letter/page.png", response_class=Response)
    def picture(name: str, country: Country = "CN", text: Wanted = "zh-CN") -> Response:
        """A letter as a picture."""
        return Response(previews.press().picture(previews.letter(name, text, country)), media_type="image/png")

    @router.get("/templates/{name}/letter/page.pdf", response_class=Response)
    def sheet(name: str, country: Country = "CN", text: Wanted = "zh-CN") -> Response:
        """A letter as it is printed."""
        return Response(previews.press().pdf(previews.letter(name, text, country)), media_type="application/pdf")
