"""The words that facts are made of: amounts, instants, identifiers and the closed vocabularies of the trade.

Every bound here is one that a value may not pass without some later step failing on it. What can be put right without
guessing (a control character in free text, a day that stands for "without end") is put right, so that no stop is lost
to it; the rest is refused by name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

UNSIGNED = r"[0-9]{1,15}(\.[0-9]{1,2})?"
NO_AMOUNT = 'an amount is a decimal string with at most two decimals, like "1234.50"'
AMOUNT_MAX = Decimal("999999999999.99")
"""The most that a bank may name in one amount; sums over loans have room above it (15 digits)."""


@dataclass(frozen=True, slots=True)
class _FromText:
    """Reads amounts in JSON without a call into Python but for the Decimal itself: they are most of what is read.

    A JSON number is refused because a float has already lost cents, and "-0.00" because nothing has no sign.
    """

    sign: Literal["any", "none", "above zero"]

    @property
    def pattern(self) -> str:
        """What an amount looks like, in every regular-expression dialect alike."""
        return rf"^-?{UNSIGNED}$" if self.sign == "any" else rf"^{UNSIGNED}$"

    def told(self, text: str) -> Decimal:
        """The amount in a text that has its look. Raises ValueError."""
        amount = Decimal(text)
        if self.sign == "above zero" and not amount:
            raise ValueError("an amount of nothing; it must be above 0")
        if self.sign == "any" and not amount and text[0] == "-":
            raise ValueError("nothing has no sign")
        return amount

    def given(self, value: object) -> Decimal:
        """The amount in what our own code hands over. Raises ValueError."""
        if isinstance(value, Decimal):
            value = format(value if value else abs(value), "f")
        if not isinstance(value, str) or not re.fullmatch(self.pattern[1:-1], value):
            raise ValueError(NO_AMOUNT if self.sign == "any" else f"{NO_AMOUNT}, not below 0")
        return self.told(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=self.pattern, strict=True),
            custom_error_type="amount",
            custom_error_message=f"Value error, {NO_AMOUNT}{'' if self.sign == 'any' else ', not below 0'}",
        )
        reader = Decimal if self.sign == "none" else self.told
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(reader, text),
            python_schema=core_schema.no_info_plain_validator_function(self.given),
            serialization=core_schema.to_string_ser_schema(),
        )


Amount = Annotated[
    Decimal, _FromText("any"), WithJsonSchema({"type": "string", "pattern": rf"^(?!-[0.]+$)-?{UNSIGNED}$"})
]
"""Money in one currency, exact, at most two decimals; a string in JSON."""

NonNegative = Annotated[Decimal, _FromText("none"), WithJsonSchema({"type": "string", "pattern": rf"^{UNSIGNED}$"})]
Positive = Annotated[
    Decimal, _FromText("above zero"), WithJsonSchema({"type": "string", "pattern": rf"^(?=.*[1-9]){UNSIGNED}$"})
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]

ID_PATTERN = r"^[^\s/\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+$"
Id = Annotated[str, Field(min_length=1, max_length=120, pattern=ID_PATTERN)]
"""Any identifier. It stands in addresses and in ids made of it: printable, without white space or a slash."""
GivenId = Annotated[str, Field(min_length=1, max_length=64, pattern=ID_PATTERN)]
"""An identifier that somebody outside gives; what is derived from it (`PF-N-<borrower>-<n>`) still fits an `Id`."""

_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
_KEPT = {ord(sign): sign for sign in "\t\n\r"}


def cleaned(text: str) -> str:
    """The text without control characters, which no database column and no letter can hold."""
    return text if text.isprintable() else text.translate(_CONTROL | _KEPT)


TEXT_MAX = 2000
Word = Annotated[str, AfterValidator(cleaned)]
"""A short free word. Control characters are dropped."""
Text = Annotated[str, Field(max_length=TEXT_MAX), AfterValidator(cleaned)]
"""Free text. Control characters are dropped."""
Remark = Annotated[
    str,
    AfterValidator(lambda text: cleaned(text)[:TEXT_MAX]),
    WithJsonSchema({"type": "string", "maxLength": TEXT_MAX}),
]
"""Free text beside a fact that must not be lost to it: cleaned, and cut where it is too long."""

DAYS_MAX = 36_500
DaysPastDue = Annotated[int, Field(strict=True, ge=0, le=DAYS_MAX)]
Version = Annotated[
    int, Field(strict=True, ge=1, le=2**53 - 1, description="counts up by one with each fact of a loan")
]
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
FIRST_INSTANT, LAST_INSTANT = datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _FromIso:
    """Reads days and instants from ISO text; a JSON number, and a string of one, is no day."""

    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler(source)
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([core_schema.str_schema(pattern=self.pattern, strict=True), inner]),
            python_schema=inner,
        )


_DAY = (_FromIso(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), WithJsonSchema({"type": "string", "format": "date"}))
_INSTANT = (_FromIso(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]"), WithJsonSchema({"type": "string", "format": "date-time"}))
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY), *_DAY]
"""A calendar day from 1900 to 2199."""
Instant = Annotated[AwareDatetime, Field(ge=FIRST_INSTANT, le=LAST_INSTANT), *_INSTANT]
"""A point in time with its offset (RFC 3339), from 1900 to 2199."""
OpenDay = Annotated[date, AfterValidator(lambda day: min(day, LAST_DAY)), Field(ge=FIRST_DAY), *_DAY]
"""The last day of something. A later one than 2199-12-31 stands for "without end" and is taken as that day."""


def _unless_open(end: Any) -> Any:
    """None where the end lies beyond every calendar: people write 9999-12-31 for "until further notice"."""
    return None if end is not None and end.year > LAST_DAY.year else end


UntilDay = Annotated[Annotated[date, Field(ge=FIRST_DAY), *_DAY] | None, AfterValidator(_unless_open)]
"""The last day, or none. 9999-12-31 and everything else after 2199 means none."""
UntilInstant = Annotated[
    Annotated[AwareDatetime, Field(ge=FIRST_INSTANT), *_INSTANT] | None, AfterValidator(_unless_open)
]
"""The end, or none. Everything after 2199 means none."""

Product = Literal["micro_loan", "consumer_loan", "credit_card"]
Channel = Literal["sms", "email", "letter", "voice", "visit"]
Party = Literal["debtor", "guarantor", "contact_person"]
Step = Literal["early_warning", "reminder", "notice", "letter", "lawyers_letter"]
Answer = Literal[
    "will_pay", "promise", "plan_request", "dispute", "hardship", "complaint", "stop_request", "wrong_person"
]
Disposition = Literal[
    "paid_in_full",
    "paid_part",
    "promise",
    "plan_agreed",
    "refused",
    "disputes_debt",
    "hardship",
    "not_home",
    "moved",
    "address_invalid",
    "third_party_only",
    "deceased",
    "incident",
]
"""What a visit ended as (reference: domain vocabulary, section 3)."""

ReasonForDefault = Literal[
    "unemployment", "illness", "business_failure", "overindebted", "forgot", "unwilling", "fraud", "family", "other"
]
CaseOutcome = Literal[
    "cured",
    "repaid",
    "plan_completed",
    "hardship_relief",
    "dispute_upheld",
    "legal_referred",
    "legal_not_pursued",
    "deceased",
    "charged_off",
]
"""Every way out of a case."""

BorrowerStatus = Literal["active", "deceased", "incapacitated", "bankrupt"]
LoanStatus = Literal["current", "overdue", "paused", "charged_off", "closed"]


class Value(BaseModel):
    """A part of a fact. Frozen; unknown fields are ignored on read, so that optional ones may come and go."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Sealed(Value):
    """A personal value in ciphertext: base64 of nonce + AES-256-GCM, and the id of the key that opens it."""

    sealed: Word
    key: Word


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Marks a field as personal: sealed before a service stores it, opened only for a purpose."""


PERSONAL = PersonalData()
Personal = Annotated[Word | Sealed, PERSONAL]
"""A personal value, in clear on the bank's own topic or sealed."""


class Arrears(Value):
    """What is past due, by component. A claim is settled only when all three are zero."""

    principal: NonNegative
    interest: NonNegative
    fees: NonNegative

    @property
    def total(self) -> Decimal:
        """Sum of the components, in the fact's currency."""
        return self.principal + self.interest + self.fees


class Reason(Value):
    """Why something was decided, in one sentence that a complaints officer could read out."""

    rule_id: str
    clause: str = ""
    force: Literal["HARD", "SOFT", "POLICY"] = "HARD"
    text: str = ""


JsonObject = dict[str, Any]
