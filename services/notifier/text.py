"""What a notice says: the bank's own texts (templates/), filled in a sandbox and checked before anything leaves.

A text that lacks a mandatory part, or holds a word that no notice may hold, is not sent: `Unfit` says why.
Versions are folders `v1`, `v2`, …; the highest is used. A version that was sent is never edited.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from schemas.values import Arrears, Channel, Step
from services.kit.pages import LANGUAGES, Language, day, money
from services.notifier.channels import Message

TEMPLATES = Path(__file__).parent / "templates"
TEXTS = ("sms", "subject", "reason", "closing")
FORBIDDEN = re.compile(
    # CN-CONT-01: posing as the state or a court, threats, false consequences, fictitious blacklists, new borrowing
    "法院|公安|警方|警察|检察|起诉|判刑|坐牢|刑事|逮捕|传票|强制执行|黑名单|失信|曝光|通知您?的?(家人|亲友|单位|联系人)"
    "|后果自负|最后通牒|严惩|老赖|借新还旧|再贷"
    r"|\b(court|police|prosecut\w*|prison|jail|arrest\w*|blacklist\w*|lawsuit|seiz\w*|summons|criminal\w*"
    r"|final warning|consequences|your (family|employer|neighbou?rs))\b",
    re.IGNORECASE,
)


class Unfit(Exception):
    """This notice may not be sent as it stands; its channel is treated as refused. The reason names no person."""


@dataclass(frozen=True, slots=True)
class Lender:
    """In whose name we write, and where complaints go."""

    name: Mapping[Language, str]
    address: Mapping[Language, str]
    complaints: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one notice is about. `to` and `name` are personal; `link_until` is the last day the link works.

    template: the name of its texts; the step's own where it is empty.
    """

    contact_id: str
    step: Step
    template: str = ""
    channel: Channel
    language: Language
    to: str
    name: str
    currency: str
    arrears: Arrears
    days_past_due: int
    written_on: date
    response_days: int
    link: str
    link_until: date
    due_date: date | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A message ready to leave, and what is remembered of its text."""

    message: Message
    template: str
    version: str
    digest: str


class Texts:
    """All texts of one version in all languages, compiled. Reading them checks each with sample values."""

    def __init__(self, lender: Lender, folder: Path = TEMPLATES, version: str = "") -> None:
        """Raises Unfit for a text that lacks a mandatory part; jinja2.TemplateError for one that cannot be read."""
        self.version = version or _latest(folder)
        self.folder = folder / self.version
        self._lender = lender
        plain, page = _environment(autoescape=False), _environment(autoescape=True)
        self._mail_text = plain.from_string((self.folder / "email.txt").read_text("utf-8"))
        self._mail_html = page.from_string((self.folder / "email.html").read_text("utf-8"))
        self._texts = {language: _compiled(plain, self.folder / f"{language}.toml") for language in LANGUAGES}
        self._try_out()

    def write(self, notice: Notice) -> Written:
        """The notice in words. Raises Unfit when it may not be sent."""
        texts = self._texts[notice.language]
        name = notice.template or notice.step
        if name not in texts:
            raise Unfit(f"no text {name}")
        try:
            message = self._message(notice, texts[name], texts["labels"])
        except TemplateError as error:
            raise Unfit(f"text {name}: {error.message}") from None
        self._check(notice, message)
        digest = hashlib.sha256(f"{message.subject}\n{message.text}".encode()).hexdigest()
        return Written(message, f"{name}.{notice.channel}", self.version, digest)

    def _message(self, notice: Notice, own: Mapping[str, Template], labels: Mapping[str, Template]) -> Message:
        values = self._values(notice)
        words = {name: label.render(values) for name, label in labels.items() if name != "components"}
        values |= {"labels": words, "rows": component_rows(notice, words)}
        values["components"] = labels["components"].render(values)
        if notice.channel == "sms":
            return Message(notice.contact_id, notice.to, notice.language, text=own["sms"].render(values))
        subject, reason = own["subject"].render(values), own["reason"].render(values)
        values |= {"subject": subject, "reason": reason, "act": words["link"].rstrip(":：")}
        values["closing"] = own["closing"].render(values).splitlines()
        text = self._mail_text.render(values)
        html = self._mail_html.render(values) if notice.channel == "email" else ""
        sheet = _sheet(notice, values, words) if notice.channel == "letter" else {}
        return Message(notice.contact_id, notice.to, notice.language, subject, text, html, sheet)

    def _values(self, notice: Notice) -> dict[str, object]:
        language = notice.language
        return {
            "language": language,
            "lender": self._lender.name[language],
            "lender_address": self._lender.address[language],
            "complaints": self._lender.complaints,
            "days_past_due": notice.days_past_due,
            "due_date": day(notice.due_date, language) if notice.due_date else "",
            "written_on": day(notice.written_on, language),
            "response_days": notice.response_days,
            "reference": notice.contact_id,
            "link": notice.link,
            "link_until": day(notice.link_until, language),
        }

    def _check(self, notice: Notice, message: Message) -> None:
        said = f"{message.subject}\n{message.text}"
        bare = re.sub(r"\s", "", said)
        wanted = {
            "lender": self._lender.name[notice.language],
            "complaints": self._lender.complaints,
            "link": notice.link,
        } | {name: money(amount, notice.currency, notice.language) for name, amount in _owed(notice).items()}
        lacking = [what for what, part in wanted.items() if re.sub(r"\s", "", part) not in bare]
        if lacking:
            raise Unfit(f"text {notice.template or notice.step}.{notice.channel} lacks {', '.join(lacking)}")
        if found := FORBIDDEN.search(said):
            raise Unfit(f"text {notice.template or notice.step}.{notice.channel} says {found[0]!r}")

    def _try_out(self) -> None:
        for language, texts in self._texts.items():
            for name in texts.keys() - {"labels"}:
                for channel in ("sms", "email", "letter"):
                    self.write(_sample(name, channel, language))


def component_rows(notice: Notice, words: Mapping[str, str]) -> list[dict[str, object]]:
    """The amounts as labelled rows, a total last where there is more than one; what is not due yet as one sum."""

    def row(name: str, amount: Decimal) -> dict[str, object]:
        shown = money(amount, notice.currency, notice.language)
        return {"label": words[name], "amount": shown, "total": name == "total"}

    if notice.step == "early_warning":
        return [row("total", notice.arrears.total) | {"label": words["due"]}]
    rows = [row(name, amount) for name, amount in _owed(notice).items()]
    return rows if len(rows) > 2 else rows[:-1]


def _owed(notice: Notice) -> dict[str, Decimal]:
    if notice.step == "early_warning":
        return {"total": notice.arrears.total}
    parts = {"principal": notice.arrears.principal, "interest": notice.arrears.interest, "fees": notice.arrears.fees}
    return {name: amount for name, amount in parts.items() if amount} | {"total": notice.arrears.total}


def _sheet(notice: Notice, values: Mapping[str, object], words: Mapping[str, str]) -> dict[str, object]:
    taken = ("language", "lender", "lender_address", "subject", "reason", "rows", "closing", "reference", "link")
    named = ("salutation", "table", "link_valid", "check", "contact", "sign_off", "page")
    return (
        {name: values[name] for name in taken}
        | {name: words[name] for name in named}
        | {"link_label": words["link_printed"], "reference_label": words["reference"]}
        | {"name": notice.name, "address": notice.to, "date": values["written_on"]}
    )


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    return SandboxedEnvironment(autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _compiled(environment: SandboxedEnvironment, path: Path) -> dict[str, dict[str, Template]]:
    document = tomllib.loads(path.read_text("utf-8"))
    for step, texts in document.items():
        if step != "labels" and (lacking := set(TEXTS) - texts.keys()):
            raise Unfit(f"{path.name}: [{step}] lacks {', '.join(sorted(lacking))}")
    return {
        step: {name: environment.from_string(text) for name, text in texts.items()} for step, texts in document.items()
    }


def _latest(folder: Path) -> str:
    versions = [path.name for path in folder.iterdir() if re.fullmatch(r"v\d+", path.name)]
    return max(versions, key=lambda name: int(name[1:]))


def _sample(name: str, channel: Channel, language: Language) -> Notice:
    return Notice(
        contact_id="N-SAMPLE-1",
        step="early_warning" if name == "early_warning" else "notice",
        template=name,
        channel=channel,
        language=language,
        to="sample",
        name="sample",
        currency="CNY",
        arrears=Arrears(principal=Decimal("1000.00"), interest=Decimal("20.00"), fees=Decimal("3.40")),
        days_past_due=5,
        written_on=date(2026, 1, 5),
        response_days=5,
        link="https://lender.example/n/sample",
        link_until=date(2026, 3, 5),
    )
