"""The words that facts are made of: amounts, instants, identifiers and the closed vocabularies of the trade."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

AMOUNT_PATTERN = r"^-?\d{1,15}(\.\d{1,2})?$"
NO_AMOUNT = 'an amount is a decimal string with at most two decimals, like "1234.50"'
_amount = re.compile(AMOUNT_PATTERN)


def _decimal_string(value: object) -> Decimal:
    """Read an amount; a JSON number is refused because a float has already lost cents."""
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not _amount.match(value):
        raise ValueError(NO_AMOUNT)
    return Decimal(value)


class _FromText:
    """Reads amounts in JSON without a call into Python but for the Decimal itself: they are most of what is read."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=AMOUNT_PATTERN, strict=True),
            custom_error_type="amount",
            custom_error_message=f"Value error, {NO_AMOUNT}",
        )
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(Decimal, text),
            python_schema=core_schema.no_info_before_validator_function(_decimal_string, handler(source)),
            serialization=core_schema.to_string_ser_schema(),
        )


Amount = Annotated[
    Decimal,
    _FromText(),
    WithJsonSchema({"type": "string", "pattern": AMOUNT_PATTERN}),
]
"""Money in one currency, exact, at most two decimals; a string in JSON."""

NonNegative = Annotated[Amount, Field(ge=0)]
Positive = Annotated[Amount, Field(gt=0)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Id = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\s\x00-\x1f]+$")]
Text = Annotated[str, Field(max_length=2000)]
Instant = AwareDatetime
"""A point in time with its offset (RFC 3339)."""

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

    sealed: str
    key: str


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Marks a field as personal: sealed before a service stores it, opened only for a purpose."""


PERSONAL = PersonalData()
Personal = Annotated[str | Sealed, PERSONAL]
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
