"""What happens to personal data at the door: sealed under the borrower's key where the purpose needs it, else withheld.

Works from the mark PERSONAL on the fields of facts (`schemas/values.py`). Kinds without personal fields cost nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from types import UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.envelope import Event, Fact, Unreadable, problems_of
from schemas.topics import Topic
from schemas.values import PersonalData, Sealed
from services.kit.vault import NO_RING, WITHHELD, Imprint, IntakeRing, NotOpened, Vault


@dataclass(frozen=True, slots=True)
class _Spot:
    """A field that is personal or holds personal fields. `parts` is the model inside a container, `many` a tuple."""

    name: str
    personal: bool
    optional: bool
    many: bool
    parts: type[BaseModel] | None
    sealed_list: TypeAdapter[Any] | None


M = TypeVar("M", bound=BaseModel)


class Seal(Protocol):
    """What happens to each personal value of one borrower's fact, by its dotted path."""

    def leaf(self, path: str, value: object) -> object:
        """The value that may stand there instead."""
        ...

    def whole(self, path: str, value: Sealed) -> str | None:
        """The JSON of a list that came as one sealed value; None where it may stay sealed."""
        ...


def is_personal(kind: type[BaseModel]) -> bool:
    """Whether facts of this kind can hold personal data."""
    return bool(_spots(kind))


@cache
def carries_personal(topic: Topic) -> bool:
    """Whether any kind of fact on this topic can hold personal data."""
    return any(fact.TOPIC is topic and is_personal(fact) for fact in Fact.KINDS.values())


def names_personal(texts: Iterable[bytes | None]) -> bool:
    """Whether a kind of fact with personal data is named here, of whatever version: it came by a wrong door."""
    return any(text is not None and _personal_names().search(text) for text in texts)


@cache
def _personal_names() -> re.Pattern[bytes]:
    names = {name.rpartition(".")[0] for name, kind in Fact.KINDS.items() if is_personal(kind)}
    return re.compile("|".join(map(re.escape, sorted(names))).encode())


@cache
def needs_keys(kind: type[BaseModel], opens: frozenset[str]) -> bool:
    """Whether taking in such a fact seals anything under the borrower's key."""
    return any(spot.name in opens for spot in _spots(kind))


@dataclass(frozen=True, slots=True)
class Intake:
    """The door of one service. `opens` are the top-level fields that its purpose needs."""

    opens: frozenset[str]
    vault: Vault | None
    ring: IntakeRing = NO_RING

    def prepare(self, events: Iterable[Event[Fact]]) -> None:
        """Fetch the keys of all borrowers of a batch at once."""
        if self.opens and self.vault:
            self.vault.prepare(e.data.key for e in events if needs_keys(type(e.data), self.opens))

    def imprint(self, event: Event[Fact]) -> Imprint | None:
        """An empty digest for the personal values that `admit` lets in; None where it lets none in."""
        return self.vault.imprint() if self.vault and needs_keys(type(event.data), self.opens) else None

    def admit(self, event: Event[Fact], *, trusted: bool = False, imprint: Imprint | None = None) -> Event[Fact]:
        """The event as the service may know it. Raises Unreadable when a sealed value that it needs does not open.

        trusted: sealed values that are not of the intake ring are our own already (collections topics, redriven
        records). imprint: takes in each personal value in clear, before it is sealed.
        """
        if not _spots(type(event.data)):
            return event
        borrower = _owner(event.data)
        return _with_data(event, self._admit(event.data, borrower, trusted or not event.data.TOPIC.intake, imprint))

    def _admit(self, fact: Fact, borrower: str, trusted: bool, imprint: Imprint | None) -> Fact:
        seal = _Door(self, borrower, trusted, imprint)
        changes = {
            spot.name: _sealed_in(fact, spot, spot.name, seal) if spot.name in self.opens else _withheld(fact, spot)
            for spot in _spots(type(fact))
        }
        return _changed(fact, changes)

    def seal_said(self, fact: Fact) -> Fact:
        """The fact as it may be said: what stands in clear is sealed, or withheld where there is no vault."""
        spots = _spots(type(fact))
        if not spots:
            return fact
        seal = _Door(Intake(self.opens, self.vault), _owner(fact), trusted=True)
        return _changed(fact, {s.name: _sealed_in(fact, s, s.name, seal) for s in spots})


@dataclass(frozen=True, slots=True)
class _Door:
    intake: Intake
    borrower: str
    trusted: bool
    imprint: Imprint | None = None

    def leaf(self, path: str, value: object) -> object:
        vault, ring = self.intake.vault, self.intake.ring
        if vault is None:
            return WITHHELD
        if not isinstance(value, Sealed):
            return self._sealed(vault, path, str(value))
        if value.key in ring.keys:
            return self._sealed(vault, path, _open(ring, self.borrower, path, value))
        if self.trusted or value.key == WITHHELD.key:
            return value
        raise Unreadable(f"{path}: sealed with a key that is not on the intake ring")

    def _sealed(self, vault: Vault, path: str, clear: str) -> Sealed:
        if self.imprint is not None:
            self.imprint.add(path, clear)
        return vault.seal(self.borrower, path, clear)

    def whole(self, path: str, value: Sealed) -> str | None:
        ring = self.intake.ring
        return _open(ring, self.borrower, path, value) if value.key in ring.keys else None


def _owner(fact: Fact) -> str:
    return str(getattr(fact, "borrower_id", fact.key))


def _open(ring: IntakeRing, borrower: str, path: str, value: Sealed) -> str:
    try:
        return ring.open(borrower, path, value)
    except NotOpened as error:
        raise Unreadable(str(error)) from None


def _with_data(event: Event[Fact], fact: Fact) -> Event[Fact]:
    return event if fact is event.data else event.model_copy(update={"data": fact})


def _changed(model: M, changes: dict[str, object]) -> M:
    return model.model_copy(
        update={name: value for name, value in changes.items() if value is not getattr(model, name)}
    )


def _withheld(model: BaseModel, spot: _Spot) -> object:
    if spot.many:
        return ()
    if spot.optional:
        return None
    return WITHHELD if spot.personal else getattr(model, spot.name)


def _sealed_in(model: BaseModel, spot: _Spot, path: str, seal: Seal) -> object:
    value = getattr(model, spot.name)
    if value is None:
        return None
    if spot.parts is None:
        return seal.leaf(path, value)
    if isinstance(value, Sealed):
        whole = seal.whole(path, value)
        if whole is None:
            return seal.leaf(path, value)
        value = _unsealed_list(spot, whole, path)
    return tuple(_part(part, path, seal) for part in value) if spot.many else _part(value, path, seal)


def _part(part: BaseModel, path: str, seal: Seal) -> BaseModel:
    return _changed(part, {s.name: _sealed_in(part, s, f"{path}.{s.name}", seal) for s in _spots(type(part))})


def _unsealed_list(spot: _Spot, json: str, path: str) -> Any:
    adapter = cast("TypeAdapter[Any]", spot.sealed_list)
    try:
        return adapter.validate_json(json)
    except ValidationError as error:
        raise Unreadable(f"{path}: the sealed list breaks the contract", problems_of(error)) from None


@cache
def _spots(kind: type[BaseModel]) -> tuple[_Spot, ...]:
    found = (_spot(name, info.annotation, info.metadata) for name, info in kind.model_fields.items())
    return tuple(spot for spot in found if spot)


def _spot(name: str, annotation: Any, metadata: Iterable[object]) -> _Spot | None:
    shape = replace(_shape(name, annotation), personal=_marked(metadata) or _shape(name, annotation).personal)
    inside = shape.parts is not None and bool(_spots(shape.parts))
    return shape if shape.personal or inside else None


def _marked(metadata: Iterable[object]) -> bool:
    return any(isinstance(mark, PersonalData) for mark in metadata)


def _shape(name: str, annotation: Any) -> _Spot:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        shape = _shape(name, inner)
        return replace(shape, personal=shape.personal or _marked(metadata))
    if get_origin(annotation) in (Union, UnionType):
        return _union(name, [_shape(name, a) for a in get_args(annotation)], get_args(annotation))
    if get_origin(annotation) is tuple and isinstance(get_args(annotation)[0], type):
        part = get_args(annotation)[0]
        parts = part if issubclass(part, BaseModel) else None
        return _Spot(name, False, False, True, parts, TypeAdapter(annotation) if parts else None)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation is not Sealed:
        return _Spot(name, False, False, False, annotation, None)
    return _Spot(name, False, False, False, None, None)


def _union(name: str, shapes: list[_Spot], arguments: tuple[Any, ...]) -> _Spot:
    holder = next((s for s in shapes if s.parts or s.many), shapes[0])
    personal = any(s.personal for s in shapes)
    return replace(holder, personal=personal, optional=type(None) in arguments)
