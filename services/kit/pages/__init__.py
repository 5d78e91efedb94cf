"""What the pages of all services share: the look (tokens.css), the frame, two languages, and figures in words.

A service makes one `Pages` of its own folder (templates `*.html`, phrases `zh-CN.toml` and `en.toml`) and answers with
`pages.answer(request, "name.html", ...)`. In a template: `t("key", name=value)` is a phrase (values are escaped unless
they are Markup), `x | money(currency)`, `x | number`, `x | day`, `x | instant` and `x | clock_time` read the language
and the `zone` from the context.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request

Language = Literal["zh-CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
OWN_NAMES: Mapping[Language, str] = {"zh-CN": "中文", "en": "English"}
LOCALES: Mapping[Language, Locale] = {"zh-CN": Locale.parse("zh_CN"), "en": Locale.parse("en_GB")}
"""Read once: babel would look a name up for each amount."""

HERE = Path(__file__).parent
COOKIE = "lang"
COOKIE_SECONDS = 180 * 24 * 3600
SAFE_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",  # an address may hold a token
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def money(amount: Decimal, currency: str, language: Language) -> str:
    """An amount with its currency as people of that language write it, to the cent."""
    return format_currency(amount, currency, locale=LOCALES[language])


def number(value: Decimal | int, language: Language) -> str:
    """A figure with separators."""
    return format_decimal(value, locale=LOCALES[language])


def day(value: date, language: Language) -> str:
    """A calendar day, in words where the language does so."""
    return format_date(value, "long", locale=LOCALES[language])


def instant(value: datetime, zone: str, language: Language) -> str:
    """Day and time of day in a place, to the minute."""
    pattern = "y年M月d日 HH:mm" if language == "zh-CN" else "d MMM y, HH:mm"
    return format_datetime(value, pattern, tzinfo=ZoneInfo(zone), locale=LOCALES[language])


def clock_time(value: datetime, zone: str, language: Language) -> str:
    """The time of day in a place, to the minute."""
    return format_time(value, "HH:mm", tzinfo=ZoneInfo(zone), locale=LOCALES[language])


def known_language(wish: str) -> Language | None:
    """The language of ours that answers a BCP 47 tag, or None."""
    main = wish.strip().lower().split("-")[0]
    return next((language for language in LANGUAGES if language.lower().split("-")[0] == main), None)


def choose_language(request: Request, prefer: str = "") -> Language:
    """By `?lang=`, then the cookie of an earlier choice, then `prefer`, then the browser's wish, then Chinese."""
    accepted = [part.split(";")[0] for part in request.headers.get("accept-language", "").split(",")]
    wishes = [request.query_params.get("lang", ""), request.cookies.get(COOKIE, ""), prefer, *accepted]
    return next((found for wish in wishes if (found := known_language(wish))), "zh-CN")


def load_phrases(folder: Path) -> dict[Language, dict[str, str]]:
    """Phrases by language and dotted key. Raises ValueError when the languages do not name the same keys."""
    phrases = {
        language: _flat(tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))) for language in LANGUAGES
    }
    lonely = phrases["zh-CN"].keys() ^ phrases["en"].keys()
    if lonely:
        raise ValueError(f"{folder}: only one language has {', '.join(sorted(lonely))}")
    return phrases


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


@pass_context
def _money(context: Context, amount: Decimal, currency: str) -> str:
    return money(amount, currency, context["lang"])


@pass_context
def _number(context: Context, value: Decimal | int) -> str:
    return number(value, context["lang"])


@pass_context
def _day(context: Context, value: date) -> str:
    return day(value, context["lang"])


@pass_context
def _instant(context: Context, value: datetime) -> str:
    return instant(value, context["zone"], context["lang"])


@pass_context
def _clock_time(context: Context, value: datetime) -> str:
    return clock_time(value, context["zone"], context["lang"])


FILTERS = {"money": _money, "number": _number, "day": _day, "instant": _instant, "clock_time": _clock_time}


def page_environment(folder: Path) -> Environment:
    """Templates of `folder` over the shared frame; escaping on, an unknown name is an error."""
    loader = ChoiceLoader([FileSystemLoader(folder), FileSystemLoader(HERE / "templates")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters.update(FILTERS)
    phrases = load_phrases(folder) if (folder / "en.toml").exists() else {language: {} for language in LANGUAGES}
    shared = load_phrases(HERE / "templates")

    @pass_context
    def t(context: Context, key: str, **values: object) -> Markup:
        language: Language = context["lang"]
        return escape(phrases[language].get(key) or shared[language][key]).format(**values)

    environment.globals["t"] = t
    return environment


@dataclass(frozen=True, slots=True)
class Pages:
    """Answers people in their language. `zone` is the IANA name in which instants are shown unless a page says more."""

    environment: Environment
    zone: str = "Asia/Shanghai"
    headers: Mapping[str, str] = field(default_factory=lambda: SAFE_HEADERS)

    @classmethod
    def of(cls, folder: Path, zone: str = "Asia/Shanghai") -> "Pages":
        """The pages of a service, from its folder of templates and phrases."""
        return cls(page_environment(folder), zone)

    def answer(
        self, request: Request, template: str, *, status: int = 200, prefer: str = "", **values: object
    ) -> HTMLResponse:
        """A rendered page; a language chosen by `?lang=` is remembered."""
        language = choose_language(request, prefer)
        context = {"lang": language, "zone": self.zone, "switch": _switch(request, language), "request": request}
        html = self.environment.get_template(template).render(context | values)
        headers = {**self.headers, "content-language": language, "vary": "cookie, accept-language"}
        response = HTMLResponse(html, status, headers)
        if known_language(request.query_params.get("lang", "")):
            response.set_cookie(COOKIE, language, COOKIE_SECONDS, httponly=True, samesite="lax")
        return response


def _switch(request: Request, language: Language) -> list[tuple[Language, str, str]]:
    """The other languages: tag, own name, address of this page in it."""
    others = [other for other in LANGUAGES if other != language]
    return [(other, OWN_NAMES[other], "?" + request.url.include_query_params(lang=other).query) for other in others]


def mount_tokens(app: FastAPI) -> None:
    """Serve the shared style sheet at /static/tokens.css."""

    @app.get("/static/tokens.css", include_in_schema=False)
    def tokens() -> FileResponse:
        return FileResponse(HERE / "tokens.css", media_type="text/css", headers={"cache-control": "max-age=300"})
