"""What a notice says: the bank's own texts (templates/), filled in a sandbox and checked before anything leaves.

A text that lacks a mandatory part, or holds a word that no notice may hold, is not sent: `Unfit` says why. Which parts
are mandatory says the borrower's rule book; some the house wants in every text.
Versions are folders `v1`, `v2`, …; the highest is used. A version that was sent is never edited.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from schemas.values import Arrears, Channel, Step
from services.kit.pages import LANGUAGES, Language, day, money
from services.notifier.channels import Message

TEMPLATES = Path(__file__).parent / "templates"
TEXTS = ("sms", "subject", "reason", "closing")
CALL = "call"
"""What is said on the telephone once the person has confirmed who they are; a step without it is never a call."""

CHANNELS: tuple[Channel, ...] = ("sms", "email", "letter", "voice")
DEBT: Mapping[Language, str] = {"zh-CN": "贷款", "en": "loan"}
"""The word without which no reader knows what a notice is about."""

NOTES = ("debt_collector", "opt_out")
"""Parts that are said only where a rule asks for them, in this order."""

SAMPLE_FIRM: Mapping[Language, str] = {"zh-CN": "示例律师事务所", "en": "Sample Law Firm"}
SAMPLE_FIRM_ADDRESS: Mapping[Language, str] = {"zh-CN": "深圳市示例路2号", "en": "2 Example Road, Shenzhen"}
"""Who writes lawyers' letters while a text is tried out or looked at, where the house has no law firm."""

Parts = Mapping[str, tuple[str, ...]]
"""Mandatory part → the ids of the rules that ask for it."""

FORBIDDEN = re.compile(
    # CN-CONT-01: posing as the state or a court, threats, false consequences, fictitious blacklists, new borrowing
    "法院|公安|警方|警察|检察|起诉|判刑|坐牢|刑事|逮捕|传票|强制执行|黑名单|失信|曝光|通知您?的?(家人|亲友|单位|联系人)"
    "|后果自负|最后通牒|严惩|老赖|借新还旧|再贷"
    r"|\b(court|police|prosecut\w*|prison|jail|arrest\w*|blacklist\w*|lawsuit|seiz\w*|summons|criminal\w*"
    r"|final warning|consequences|your (family|employer|neighbou?rs))\b",
    re.IGNORECASE,
)


Fault = Literal["law_firm", "law_firm_address", "lacks", "says", "other"]
"""What is wrong with a text: it names a firm that is not set, lacks parts, or holds a forbidden word."""

FIRM: tuple[Fault, ...] = ("law_firm", "law_firm_address")


class Unfit(Exception):
    """This notice may not be sent as it stands; its channel is treated as refused. Nothing in it names a person.

    what: the parts that are lacking, or the forbidden word.
    """

    def __init__(self, reason: str, fault: Fault = "other", what: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.fault, self.what = fault, tuple(what)


@dataclass(frozen=True, slots=True)
class Lender:
    """In whose name we write, and where complaints go. law_firm: who writes lawyers' letters for us, if anybody."""

    name: Mapping[Language, str]
    address: Mapping[Language, str]
    complaints: str
    law_firm: Mapping[Language, str] = field(default_factory=dict)
    law_firm_address: Mapping[Language, str] = field(default_factory=dict)

    def with_firm(self) -> "Lender":
        """The same with a sample law firm where there is none: for texts that nobody gets."""
        firm, address = self.law_firm or SAMPLE_FIRM, self.law_firm_address or SAMPLE_FIRM_ADDRESS
        return replace(self, law_firm=firm, law_firm_address=address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one notice is about. `to` and `name` are personal; `link_until` is the last day the link works.

    template: the name of its texts; the step's own where it is empty. parts: what the rule book obliges it to say.
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
    parts: Parts = field(default_factory=dict)


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
        self._labels = self._texts["en"]["labels"].keys()
        self._try_out()

    def write(self, notice: Notice, *, to_look_at: bool = False) -> Written:
        """The notice in words; to be looked at, with a sample law firm if need be. Raises Unfit: it may not be sent."""
        return self._written(notice, self._lender.with_firm() if to_look_at else self._lender)

    def names(self, channel: Channel) -> list[str]:
        """The texts that there are for a channel."""
        texts = self._texts["en"]
        return [name for name in texts if name != "labels" and (channel != "voice" or CALL in texts[name])]

    def _written(self, notice: Notice, lender: Lender) -> Written:
        name = notice.template or notice.step
        if name not in self.names(notice.channel):
            raise Unfit(f"no text {name}.{notice.channel}")
        texts, values = self._texts[notice.language], _values(notice, lender)
        try:
            message = self._message(notice, texts[name], texts["labels"] | texts[name], values)
        except TemplateError as error:
            raise Unfit(f"text {name}: {error.message}", _unset(error, values)) from None
        self._check(notice, message, lender)
        digest = hashlib.sha256(f"{message.subject}\n{message.text}".encode()).hexdigest()
        return Written(message, f"{name}.{notice.channel}", self.version, digest)

    def _message(
        self, notice: Notice, own: Mapping[str, Template], labels: Mapping[str, Template], values: dict[str, object]
    ) -> Message:
        words = {name: labels[name].render(values) for name in self._labels if name != "components"}
        notes = [words[part] for part in NOTES if part in notice.parts and part in words]
        values |= {"labels": words, "rows": component_rows(notice, words)}
        values |= {"note_list": notes, "notes": "".join(f" {note}" for note in notes)}
        values["components"] = labels["components"].render(values)
        if notice.channel == "sms":
            return Message(notice.contact_id, notice.to, notice.language, text=own["sms"].render(values))
        if notice.channel == "voice":
            said, greeting = own[CALL].render(values), words["greeting"]
            return Message(notice.contact_id, notice.to, notice.language, text=said, greeting=greeting)
        subject, reason = own["subject"].render(values), own["reason"].render(values)
        values |= {"subject": subject, "reason": reason, "act": words["link"].rstrip(":：")}
        values["closing"] = own["closing"].render(values).splitlines()
        text = self._mail_text.render(values)
        html = self._mail_html.render(values) if notice.channel == "email" else ""
        sheet = _sheet(notice, values, words) if notice.channel == "letter" else {}
        return Message(notice.contact_id, notice.to, notice.language, subject, text, html, sheet)

    def _check(self, notice: Notice, message: Message, lender: Lender) -> None:
        said = "\n".join((message.greeting, message.subject, message.text))
        bare, where = _bare(said), f"text {notice.template or notice.step}.{notice.channel}"
        lacking = [
            part for part, needles in self._needles(notice, lender) if not all(_bare(n) in bare for n in needles)
        ]
        if lacking:
            asked = [f"{part} ({', '.join(notice.parts[part])})" if part in notice.parts else part for part in lacking]
            raise Unfit(f"{where} lacks {', '.join(asked)}", "lacks", lacking)
        if found := FORBIDDEN.search(said):
            raise Unfit(f"{where} says {found[0]!r}", "says", (found[0],))

    def _needles(self, notice: Notice, lender: Lender) -> Iterator[tuple[str, list[str]]]:
        """Each mandatory part with the words by which it is found."""
        yield "lender", [lender.name[notice.language]]
        yield "reason", [DEBT[notice.language]]
        yield "complaints", [lender.complaints]
        if notice.channel != "voice":
            yield "link", [notice.link]
        for name, amount in _owed(notice).items():
            yield name, [money(amount, notice.currency, notice.language)]
        labels = self._texts[notice.language]["labels"]
        for part in NOTES:
            if part in notice.parts:
                yield part, [labels[part].render(_values(notice, lender))] if part in labels else ["\0"]

    def _try_out(self) -> None:
        """Write each text once with nothing but what the house wants, and once with all that a rule may ask for."""
        whole = self._lender.with_firm()
        for language in LANGUAGES:
            for channel in CHANNELS:
                for name in self.names(channel):
                    bare = sample(name, channel, language)
                    self._written(bare, whole)
                    if set(NOTES) <= self._labels:
                        self._written(replace(bare, parts=dict.fromkeys(NOTES, ("every rule",))), whole)


def _unset(error: TemplateError, values: Collection[str]) -> Fault:
    """The first thing about the firm that is to be set, whichever of them the text asked for first."""
    asked = any(repr(name) in (error.message or "") for name in FIRM)
    return next((name for name in FIRM if asked and name not in values), "other")


def _bare(text: str) -> str:
    return re.sub(r"\s", "", text).lower()


def _values(notice: Notice, lender: Lender) -> dict[str, object]:
    """What a text may name; a law firm only where there is one, so that a letter in its name is unfit without it."""
    language = notice.language
    firm = {
        "law_firm": lender.law_firm.get(language),
        "law_firm_address": lender.law_firm_address.get(language),
    }
    return {
        "language": language,
        "lender": lender.name[language],
        "lender_address": lender.address[language],
        "complaints": lender.complaints,
        "days_past_due": notice.days_past_due,
        "due_date": day(notice.due_date, language) if notice.due_date else "",
        "written_on": day(notice.written_on, language),
        "response_days": notice.response_days,
        "reference": notice.contact_id,
        "link": notice.link,
        "link_until": day(notice.link_until, language),
    } | {name: value for name, value in firm.items() if value}


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
        | {"head": words.get("head", values["lender"]), "notes": values["note_list"]}
        | {"head_address": words.get("head_address", values["lender_address"])}
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


def sample(name: str, channel: Channel, language: Language) -> Notice:
    """A notice to nobody, with every field filled: to try a text out, and to show it."""
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
