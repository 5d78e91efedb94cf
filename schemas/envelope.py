"""CloudEvents 1.0 around a fact: what every record on every topic looks like, and how bytes become one.

Structured mode is what Arrears writes; binary mode is also read on intake topics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails, from_json, to_json

from schemas.values import Instant

if TYPE_CHECKING:
    from schemas.topics import Topic

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
ID_PATTERN = r"^[^\x00-\x1f]+$"
Attribute = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]
"""A CloudEvents attribute; the specification allows no control character in one."""


class Unreadable(Exception):
    """These bytes will never become an event. The record goes to the dead letters; it is not retried."""

    def __init__(self, reason: str, problems: Sequence[str] = ()) -> None:
        super().__init__("; ".join((reason, *problems)) if problems else reason)
        self.reason = reason
        self.problems = tuple(problems)


class Fact(BaseModel):
    """The data of one kind of event: something that happened, in the past tense, with its version in its name.

    Frozen. Unknown fields are ignored on read. A subclass names its `type` and the `topic` it is said on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str] = ""
    TOPIC: ClassVar[Topic]
    KINDS: ClassVar[dict[str, type[Fact]]] = {}

    def __init_subclass__(cls, *, type: str = "", topic: Topic | None = None, **rest: Any) -> None:
        """Enter the subclass into the table of kinds."""
        super().__init_subclass__(**rest)
        if type and topic:
            cls.TYPE, cls.TOPIC = type, topic
            cls.key = property(attrgetter(topic.key))  # type: ignore[assignment, method-assign]  # asked several times a record
            Fact.KINDS[type] = cls

    @property
    def key(self) -> str:
        """The record key: the borrower, or the agency, report or target on topics keyed so."""
        raise NotImplementedError("a kind of fact names its topic, and the topic its key")


F_co = TypeVar("F_co", bound=Fact, covariant=True)


class Event(BaseModel, Generic[F_co]):
    """A CloudEvent whose data is a fact. `sequence` is gapless per `source` on the collections' own topics."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(min_length=1, max_length=200, pattern=ID_PATTERN)]
    source: Annotated[str, Field(min_length=1, max_length=200, pattern=ID_PATTERN)]
    type: str
    time: Instant
    subject: Attribute | None = None
    datacontenttype: Attribute = "application/json"
    dataschema: Attribute | None = None
    partitionkey: Attribute | None = None
    causationid: Attribute | None = None
    correlationid: Attribute | None = None
    sequence: Annotated[int, Field(ge=1)] | None = None
    traceparent: Attribute | None = None
    data: F_co

    @classmethod
    def saying(cls, fact: Fact, *, id: str, source: str, time: datetime, **attributes: Any) -> Event[Fact]:
        """Wrap a valid fact in its envelope without validating it again.

        What `model_construct` does, without its walk over the fields: this is done for every event said.
        """
        key = fact.key
        values = {
            "specversion": "1.0",
            "id": id,
            "source": source,
            "type": fact.TYPE,
            "time": time,
            "subject": key,
            "datacontenttype": "application/json",
            "dataschema": schema_uri(fact.TYPE),
            "partitionkey": key,
            "causationid": None,
            "correlationid": None,
            "sequence": None,
            "traceparent": None,
            "data": fact,
        }
        values.update(attributes)
        event: Event[Fact] = Event.__new__(Event)
        _set(event, "__dict__", values)
        _set(event, "__pydantic_fields_set__", _ATTRIBUTES)
        _set(event, "__pydantic_extra__", None)
        _set(event, "__pydantic_private__", None)
        return event

    def to_json(self) -> bytes:
        """The record value in structured mode. Fields that are null are left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True, serialize_as_any=True)


_TYPE = b'"type":"'
_LIKELY_TYPE = re.compile(rb'"type"\s*:\s*"([^"\\]+)"')
_set = object.__setattr__  # the model is frozen
_ATTRIBUTES = set(Event.model_fields)


def schema_uri(type_: str) -> str:
    """The name of the frozen JSON Schema of a type."""
    return f"urn:arrears:schema:{type_}"


@cache
def _kinds() -> Mapping[bytes, type[Event[Fact]]]:
    """The model of each kind of event, whose `type` can be no other."""
    return {
        name.encode(): create_model(f"{fact.__name__}Event", __base__=Event[fact], type=(Literal[name], name))  # type: ignore[valid-type, arg-type]
        for name, fact in Fact.KINDS.items()
    }


@cache
def _adapter() -> TypeAdapter[Event[Fact]]:
    """One validator for every event in the language, told apart by `type`."""
    first, *others = _kinds().values()
    union: Any = first
    for kind in others:
        union = union | kind
    return TypeAdapter(Annotated[union, Field(discriminator="type")])


def problems_of(error: ValidationError) -> list[str]:
    """Each thing wrong with an event as `field: what`, without echoing values (they may be personal)."""
    return [f"{_path(e['loc'])}: {_message(e)}" for e in error.errors(include_url=False, include_input=False)]


def _message(error: ErrorDetails) -> str:
    if error["type"] == "union_tag_invalid":
        return f"{error['ctx']['tag']!r} is not an event type of the contract"
    if error["type"] == "union_tag_not_found":
        return "the attribute 'type' is missing"
    return error["msg"]


def _path(loc: tuple[int | str, ...]) -> str:
    parts = loc[1:] if loc and loc[0] in Fact.KINDS else loc
    return ".".join(str(part) for part in parts) or "event"


def read_structured(value: bytes | None) -> Event[Fact]:
    """An event from a record value in structured mode. Raises Unreadable with every problem named."""
    if value is None:
        raise Unreadable("no value: in structured mode a null record is not an event")
    kind = _kinds().get(_likely_type(value))
    if kind is None:
        return _of_any_kind(value)
    try:
        return kind.__pydantic_validator__.validate_json(value)  # type: ignore[no-any-return]
    except ValidationError:  # perhaps not the event's own `type`: the validator of all kinds has the last word
        return _of_any_kind(value)


def _of_any_kind(value: bytes) -> Event[Fact]:
    try:
        return _adapter().validate_json(value)
    except ValidationError as error:
        raise Unreadable(_kind_of(error), problems_of(error)) from None


def _likely_type(value: bytes) -> bytes:
    """What stands behind the first `"type":`, nearly always the event's own; without spaces it is found at once."""
    at = value.find(_TYPE)
    if at >= 0:
        return value[at + len(_TYPE) : value.find(b'"', at + len(_TYPE))]
    found = _LIKELY_TYPE.search(value)
    return found[1] if found else b""


def _kind_of(error: ValidationError) -> str:
    kinds = {e["type"] for e in error.errors(include_url=False, include_input=False)}
    if "json_invalid" in kinds:
        return "not JSON"
    if kinds & {"union_tag_invalid", "union_tag_not_found"}:
        return "unknown event type"
    return "breaks the contract"


def read_record(value: bytes | None, headers: Mapping[str, bytes], *, intake: bool) -> Event[Fact]:
    """An event from a record in either mode. Binary mode (`ce_` headers) counts on intake topics only."""
    if intake and b"application/cloudevents" not in headers.get("content-type", b"") and "ce_type" in headers:
        return _read_binary(value, headers)
    return read_structured(value)


def _read_binary(value: bytes | None, headers: Mapping[str, bytes]) -> Event[Fact]:
    if value is None:
        raise Unreadable("no value: none of our facts is without data")
    try:
        attributes = {k[3:]: v.decode("utf-8") for k, v in headers.items() if k.startswith("ce_")}
    except UnicodeDecodeError:
        raise Unreadable("a ce_ header is not UTF-8") from None
    try:
        data = from_json(value)
    except ValueError:
        raise Unreadable("not JSON") from None
    return read_structured(to_json({**attributes, "data": data}))


__all__ = ["CONTENT_TYPE", "Event", "Fact", "Unreadable", "read_record", "read_structured", "schema_uri"]
