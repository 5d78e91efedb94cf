"""What all pages of the console share: the frame with its places, words in two languages, kept addresses."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from services.kit.pages import SAFE_HEADERS, Language, Pages, choose_language, load_phrases, mount_tokens, number
from services.kit.pages.script import OTHER, parted
from services.reporting.api.asked import Desk
from services.reporting.pages.charts import Chart, Word, stage_word
from services.reporting.pages.sentences import difference, equation, reason, rule, sentence
from services.reporting.store.view import View

HERE = Path(__file__).parent
PLACES = ("", "portfolio", "cases", "ladder", "agencies", "promises", "visits", "laws", "reports")
"""The places of the console by their addresses, in the order of the rail."""

PLOTLY = f"plotly-{version('plotly')}.min.js"
FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
CHARTS = {
    "content-security-policy": SAFE_HEADERS["content-security-policy"].replace(
        "style-src 'self'", "style-src 'self' 'unsafe-inline'"
    )
}
"""Plotly writes styles into its drawings; scripts stay our own."""

TONES: Mapping[str, str] = {
    **dict.fromkeys(
        ("cured", "repaid", "plan_completed", "kept", "delivered", "active", "promise", "plan_agreed"), "go"
    ),
    **dict.fromkeys(("paid_in_full", "paid_part", "yes", "M0", "current", "agency", "in_house"), "go"),
    **dict.fromkeys(("open", "waiting", "pending", "hardship_relief", "dispute_upheld", "sent", "M1"), "info"),
    **dict.fromkeys(
        ("partly_kept", "unknown", "refused", "not_home", "moved", "cancelled", "unattributed", "M2", "M3"), "warn"
    ),
    **dict.fromkeys(("broken", "failed", "incident", "legal_referred", "aborted", "no", "M4", "charged_off"), "stop"),
}


OVERRIDDEN = " Overridden: "
"""Begins, in the text of a decision's reason, the recorded reason for going on in spite of the rule."""

ASKED = {
    "visit.evidence_sealed.v1": "complete",
    "visit.appointed.v1": "agreed_to",
    "placement.ended.v1": "on_time",
    "dispute.resolved.v1": "upheld",
}
"""What a yes or no of these facts answers."""


def percent(value: Decimal | None) -> str:
    """A share of one as people read it; a dash where there is none."""
    return "–" if value is None else f"{value * 100:.1f} %"


def seconds(value: float | None) -> str:
    """True seconds."""
    return "–" if value is None else f"{value:,.2f} s"


def side(value: str) -> str:
    """One side of a law: numbers with separators, other text as it is."""
    try:
        return f"{Decimal(value):,}"
    except InvalidOperation:
        return value


@dataclass(frozen=True, slots=True)
class Console:
    """Answers people. One per application."""

    desk: Desk
    pages: Pages
    phrases: Mapping[Language, Mapping[str, str]]

    @classmethod
    def of(cls, desk: Desk) -> "Console":
        """The console over a desk."""
        made = Pages.of(HERE, desk.zone)
        console = cls(desk, Pages(made.environment, desk.zone, {**SAFE_HEADERS, **CHARTS}), load_phrases(HERE))
        made.environment.filters.update(share=percent, seconds=seconds, side=side, stage=stage_word, chart=_embedded)
        made.environment.globals.update(
            w=console._word_global(),
            n=console._counted(),
            say=console._said(sentence),
            equation=console._said(_equation),
            difference=console._said(_difference),
            explain=console._explained(),
            quoted=console._quoted(),
            reason=console._reason(),
            tones=TONES,
            asked=ASKED,
            places=PLACES,
            plotly=PLOTLY,
        )
        return console

    def word(self, language: Language, word: str) -> str:
        """A word of the trade in a language; itself where we have none for it."""
        phrases = self.phrases[language]
        for key in (f"word.{word}", f"type.{word.removesuffix('.v1')}"):
            if key in phrases:
                return phrases[key]
        before, _, after = word.partition(":")
        if not after or after.startswith(" "):  # a colon of somebody's sentence
            return word
        return f"{self.word(language, before)}{phrases['word.colon']}{self.word(language, after)}"

    def _word_global(self) -> Callable[..., str]:
        @pass_context
        def w(context: Context, word: object) -> str:
            return "–" if word in (None, "") else self.word(context["lang"], str(word))

        return w

    def _counted(self) -> Callable[..., str]:
        @pass_context
        def n(context: Context, count: int, noun: str) -> str:
            """So many of something, as the language counts."""
            language: Language = context["lang"]
            one = "one" if count == 1 else "other"
            return self.phrases[language][f"count.{noun}.{one}"].format(n=number(count, language))

        return n

    def _said(self, turn: Callable[[str, Language, Word], str]) -> Callable[..., Markup]:
        @pass_context
        def said(context: Context, text: str) -> Markup:
            """What a service said, in the reader's language; the original stays at hand."""
            language: Language = context["lang"]
            return _beside(turn(text, language, lambda word: self.word(language, word)), text)

        return said

    def _explained(self) -> Callable[..., str]:
        @pass_context
        def explain(context: Context, rule_id: str) -> str:
            """What a rule asks, by its id."""
            language: Language = context["lang"]
            return rule(rule_id, language, lambda word: self.word(language, word))

        return explain

    def _reason(self) -> Callable[..., Markup]:
        @pass_context
        def because(context: Context, rule_id: str, text: str) -> Markup:
            """The sentence of a decision's reason; the recorded reason of an exception in the words of who gave it."""
            language: Language = context["lang"]
            told, _, override = text.partition(OVERRIDDEN)
            said = _beside(reason(rule_id, told, language, lambda word: self.word(language, word)), told)
            if not override:
                return said
            return said + Markup(" {}{}").format(
                self.word(language, "overridden"), self._in_words(override, override, language)
            )

        return because

    def _quoted(self) -> Callable[..., Markup]:
        @pass_context
        def quoted(context: Context, text: str) -> Markup:
            """A reason in the reader's language; what somebody wrote in the other says so."""
            language: Language = context["lang"]
            return self._in_words(sentence(text, language, lambda word: self.word(language, word)), text, language)

        return quoted

    def _in_words(self, said: str, text: str, language: Language) -> Markup:
        own, other = parted(said, language)
        if not other:
            return _beside(said, text)
        tag, mark = OTHER[language], self.word(language, "written_in_the_other")
        lead = Markup.escape(own) if said == text else _beside(own, text)
        return lead + Markup('<span lang="{}">{}</span> <small>{}</small>').format(tag, other, mark)

    def words(self, request: Request) -> Callable[[str], str]:
        """The words of the reader's language."""
        language = choose_language(request)
        return lambda word: self.word(language, word)

    def view(self, request: Request) -> View:
        """As known when the reader asks."""
        return self.desk.view(request.query_params.get("as_known", ""))

    def show(
        self, request: Request, template: str, view: View, values: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """A page with what every page shows."""
        past = bool(request.query_params.get("as_known"))
        frame: dict[str, Any] = {
            "link": linker(request),
            "here": here(request),
            "view": view,
            "past": past,
            "known_as_of": view.as_known if past else self.desk.known_as_of(),
            "fresh": past or self.desk.fresh(),
            "place": request.url.path.strip("/").split("/")[0],
        }
        return self.pages.answer(request, template, status=status, **{**frame, **values})


def _beside(said: str, original: str) -> Markup:
    """A translated sentence that shows what was really said when pointed at."""
    if said == original:
        return Markup("{}").format(said)
    return Markup('<span title="{}">{}</span>').format(original, said)


def _equation(text: str, language: Language, word: Word) -> str:
    return text if language == "en" else equation(text, word)


def _difference(text: str, _language: Language, word: Word) -> str:
    return difference(text, word)


def linker(request: Request) -> Callable[..., str]:
    """Addresses of other pages, which stay as known when this one is."""
    known = request.query_params.get("as_known")

    def link(path: str, **asked: object) -> str:
        query = {**({"as_known": known} if known else {}), **{k: v for k, v in asked.items() if v not in (None, "")}}
        return quote(path, safe="/:") + (f"?{urlencode(query)}" if query else "")

    return link


def here(request: Request) -> Callable[..., str]:
    """This page with some of its questions changed; None takes one away."""

    def changed(**asked: object) -> str:
        query = {k: v for k, v in request.query_params.items() if k != "lang"} | asked
        kept = {k: v for k, v in query.items() if v not in (None, "")}
        return f"?{urlencode(kept)}"

    return changed


def _embedded(chart: Chart) -> Markup:
    """A figure as a data block that no browser runs."""
    return Markup(json.dumps(chart, ensure_ascii=False).replace("<", "\\u003c"))


def mount_static(app: FastAPI) -> None:
    """Serve style sheet, script and the drawing library from our own address."""
    mount_tokens(app)

    @app.get("/static/console.css", include_in_schema=False)
    def style() -> FileResponse:
        return FileResponse(HERE / "console.css", media_type="text/css", headers={"cache-control": "max-age=300"})

    @app.get("/static/console.js", include_in_schema=False)
    def script() -> FileResponse:
        return FileResponse(HERE / "console.js", media_type="text/javascript", headers={"cache-control": "max-age=300"})

    @app.get(f"/static/{PLOTLY}", include_in_schema=False)
    def drawing(request: Request) -> Response:
        packed = "gzip" in request.headers.get("accept-encoding", "")
        encoding = {"content-encoding": "gzip"} if packed else {}
        return Response(
            _plotly(packed), media_type="text/javascript", headers={**FOR_EVER, **encoding, "vary": "accept-encoding"}
        )


@cache
def _plotly(packed: bool) -> bytes:
    source = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return gzip.compress(source, 6) if packed else source
