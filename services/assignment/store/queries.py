"""What is asked of the tables: the reference of a decision, and the lists and single things that people look at."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, case, func, null, or_, select, union_all
from sqlalchemy.dialects.postgresql import insert

from services.assignment.domain.choice import Agency, Panel
from services.assignment.domain.moment import Reference
from services.assignment.store import tables
from services.assignment.store.tables import (
    agencies,
    cases,
    controls,
    holds,
    ledger,
    legal_decisions,
    matters,
    missed,
    payments,
    placements,
    plans,
    promises,
    repairs,
    retellings,
    visits_made,
)
from services.rulebook.shelf import Activation, Shelf
from services.rulebook.strategy import Strategy

PENDING = ("offered", "active")
RETOLD_WITHIN = timedelta(days=30)
"""True days within which a bank that takes snapshots has taken one of everybody; then the asking is over."""


def reference(
    connection: Connection, partitions: Sequence[int], _now: datetime, strategy: Strategy, rulebooks: Shelf
) -> dict[int, Reference]:
    """The panel with what each agency carries in each of these partitions, and what ops ordered. Three queries."""
    panel = {row.agency_id: _agency(row._mapping) for row in connection.execute(select(agencies))}
    used, retell = _by_partition(connection, partitions)
    paused, activations = _ordered(connection, strategy)
    shelf = rulebooks.activated(activations)
    return {
        number: Reference(strategy, Panel(_carrying(panel, used[number]), number), paused, shelf, retell[number])
        for number in partitions
    }


def _carrying(panel: Mapping[str, Agency], used: Mapping[str, int]) -> dict[str, Agency]:
    return {**panel, **{agency_id: replace(panel[agency_id], used=count) for agency_id, count in used.items()}}


def _by_partition(connection: Connection, partitions: Sequence[int]) -> tuple[dict[int, dict[str, int]], Counter[int]]:
    """How many cases each agency carries, and how often loans are to be told again."""
    carried = select(placements.c.partition, placements.c.agency_id, func.count().label("count"))
    carried = carried.where(placements.c.partition.in_(partitions), placements.c.state.in_(PENDING))
    lately = retellings.c.asked_at > func.now() - RETOLD_WITHIN
    retell = select(retellings.c.partition, null().label("agency_id"), retellings.c.asked.label("count"))
    retell = retell.where(retellings.c.partition.in_(partitions), lately)
    grouped = carried.group_by(placements.c.partition, placements.c.agency_id)
    used: dict[int, dict[str, int]] = {number: {} for number in partitions}
    asked = Counter[int]()
    for number, agency_id, count in connection.execute(union_all(grouped, retell)):
        if agency_id is None:
            asked[number] = count
        else:
            used[number][agency_id] = count
    return used, asked


def ask_to_retell(connection: Connection, partition: int) -> None:
    """Have the loans of a partition told again at their next snapshot: another service has missed records."""
    asking = insert(retellings).values(partition=partition, asked=1, asked_at=func.now())
    again = {"asked": retellings.c.asked + 1, "asked_at": func.now()}
    connection.execute(asking.on_conflict_do_update(index_elements=["partition"], set_=again))


def _ordered(connection: Connection, strategy: Strategy) -> tuple[bool, tuple[Activation, ...]]:
    """Whether ops have paused the strategy, and which rule books they activated."""
    names = (strategy.name, f"{strategy.name}-{strategy.version}", strategy.label)
    paused = select(controls.c.target, null().label("version"), null().label("effective_from")).where(
        controls.c.paused, controls.c.target.in_(names)
    )
    activated = select(tables.rulebooks.c.target, tables.rulebooks.c.version, tables.rulebooks.c.effective_from)
    rows = connection.execute(union_all(paused, activated)).all()
    return any(row.version is None for row in rows), tuple(Activation(*row) for row in rows if row.version is not None)


def _agency(row: Mapping[Any, Any]) -> Agency:
    return Agency(
        row["agency_id"],
        name=row["name"],
        in_house=row["in_house"],
        regions=tuple(row["regions"]),
        products=tuple(row["products"]),
        capacity=row["capacity"],
        target_share=row["target_share"],
        licensed_until=row["licensed_until"],
        inspected_on=row["inspected_on"],
        evaluated_on=row["evaluated_on"],
        certified_until=tuple(datetime.fromisoformat(s["certified_until"]).date() for s in row["staff"] or ()),
        mandate_id=row["mandate_id"] or "",
        authority=tuple(row["authority"] or ()),
        mandate_from=row["mandate_from"],
        mandate_until=row["mandate_until"],
        basis_points=row["fee_basis_points"] or 0,
        suspended=row["suspended"] or "",
        drained=bool(row["drained"]),
        **{name: row[name] for name in ("conduct", "recovery") if row[name] is not None},
    )


def _all(connection: Connection, table: Table, *where: ColumnElement[bool]) -> list[dict[str, Any]]:
    order = tuple(table.primary_key)
    return [dict(row) for row in connection.execute(select(table).where(*where).order_by(*order)).mappings()]


def case_of(connection: Connection, case_id: str) -> RowMapping | None:
    """The case's own row."""
    return connection.execute(select(cases).where(cases.c.case_id == case_id)).mappings().one_or_none()


PARTS: Mapping[str, Table] = {
    "placements": placements,
    "promises": promises,
    "plans": plans,
    "holds": holds,
    "matters": matters,
    "legal_decisions": legal_decisions,
    "payments": payments,
    "ledger": ledger,
    "repairs": repairs,
}
"""The tables whose rows belong to a case, by the name under which they are shown."""


def parts_of(connection: Connection, case_id: str) -> dict[str, list[dict[str, Any]]]:
    """Everything that belongs to a case."""
    parts = {name: _all(connection, table, table.c.case_id == case_id) for name, table in PARTS.items()}
    plan_ids = [plan["plan_id"] for plan in parts["plans"]]
    return parts | {"missed_instalments": _all(connection, missed, missed.c.plan_id.in_(plan_ids))}


def page(
    connection: Connection, table: Table, filters: Mapping[str, Any], after: str | None, limit: int
) -> Sequence[dict[str, Any]]:
    """Rows in the order of their key, from behind `after` on; filters that are None do not count."""
    key = next(iter(table.primary_key))
    where = [table.c[name] == value for name, value in filters.items() if value is not None]
    if after is not None:
        where.append(key > after)
    query = select(table).where(*where).order_by(key).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def agency_rows(connection: Connection) -> list[dict[str, Any]]:
    """All agencies with what they carry over all partitions."""
    carried = (
        select(
            placements.c.agency_id,
            func.sum(case((placements.c.state == "active", 1), else_=0)).label("active"),
            func.sum(case((placements.c.state == "offered", 1), else_=0)).label("offered"),
        )
        .where(placements.c.state.in_(PENDING))
        .group_by(placements.c.agency_id)
        .subquery()
    )
    numbers = (func.coalesce(carried.c[name], 0).label(name) for name in ("active", "offered"))
    query = select(agencies, *numbers).outerjoin_from(agencies, carried, agencies.c.agency_id == carried.c.agency_id)
    return [dict(row) for row in connection.execute(query.order_by(agencies.c.agency_id)).mappings()]


def run_out_agencies(connection: Connection, now: datetime) -> Sequence[RowMapping]:
    """Agencies whose licence or mandate has run out by itself and of which nobody has said so yet."""
    today = now.date()
    licence = and_(agencies.c.licensed_until < today, func.coalesce(agencies.c.suspended, "") == "")
    mandate = and_(agencies.c.mandate_until < today, agencies.c.mandate_id.is_not(None))
    return connection.execute(select(agencies).where(~agencies.c.in_house, or_(licence, mandate))).mappings().all()


def borrowers_at_fallen(connection: Connection, now: datetime, partitions: Sequence[int]) -> list[str]:
    """Borrowers of these partitions whose case is at an agency that may not work."""
    today = now.date()
    fallen = or_(
        agencies.c.suspended != "",
        agencies.c.licensed_until.is_(None),
        agencies.c.licensed_until < today,
        agencies.c.mandate_id.is_(None),
        agencies.c.mandate_until < today,
    )
    query = (
        select(placements.c.borrower_id)
        .join(agencies, agencies.c.agency_id == placements.c.agency_id)
        .where(placements.c.partition.in_(partitions), placements.c.state.in_(PENDING), ~agencies.c.in_house, fallen)
    )
    return list(connection.execute(query).scalars())


def conduct_counts(connection: Connection, since: datetime) -> Sequence[RowMapping]:
    """Visits and upheld complaints per working agency, since an instant or since its last reinstatement."""
    start = func.greatest(func.coalesce(agencies.c.reinstated_at, since), since)
    visited = select(func.count()).where(visits_made.c.agency_id == agencies.c.agency_id, visits_made.c.at >= start)
    upheld = select(func.count()).where(
        and_(matters.c.agency_id == agencies.c.agency_id, matters.c.state == "upheld", matters.c.decided_at >= start)
    )
    query = select(
        agencies.c.agency_id,
        start.label("start"),
        visited.scalar_subquery().label("visits"),
        upheld.scalar_subquery().label("upheld"),
    ).where(~agencies.c.in_house, func.coalesce(agencies.c.suspended, "") == "")
    return connection.execute(query).mappings().all()
