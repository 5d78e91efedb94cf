"""A service on a real database, for stories that were written for the bus in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Table, select

from schemas.envelope import Event, Fact
from services.kit.bench import Bench


class Stage:
    """A bench that looks like the bus to a story."""

    def __init__(self, bench: Bench[Any, Any]) -> None:
        self.bench = bench
        self.publish, self.said_of, self.advance = bench.deliver, bench.said_of, bench.advance

    def state(self, _service: str, borrower_id: str) -> Any:
        return self.bench.state(borrower_id)

    def command(self, _service: str, borrower_id: str, act: Callable[..., Any]) -> Sequence[Event[Fact]]:
        return self.bench.command(borrower_id, act)

    def rows(self, _service: str, table: Table) -> list[dict[str, Any]]:
        with self.bench.engine.connect() as db:
            return [dict(row) for row in db.execute(select(table)).mappings()]
