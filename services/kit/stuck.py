"""Ends sessions of a worker that froze in the middle of a statement and holds what others of its service wait for.

PostgreSQL ends a transaction that idles, and a lock is waited for only so long; but a client that freezes while it
sends rows (COPY) idles in no sense that PostgreSQL has a limit for, and its partition would wait until it wakes. Its
transaction is rolled back; what it had read is read by the next owner, and the fence stops it when it wakes.
"""

from datetime import timedelta

import structlog
from sqlalchemy import Engine

from services.kit.database import transaction

log = structlog.get_logger("arrears.kit")
LOOK_SECONDS = 5.0
SILENT = timedelta(seconds=15)
"""A statement that has waited so long for its client is not being sent: a batch takes a second or two."""

_END = """
SELECT holder.pid, pg_terminate_backend(holder.pid) FROM (
    SELECT DISTINCT unnest(pg_blocking_pids(waiting.pid)) AS pid FROM pg_stat_activity AS waiting
    WHERE waiting.wait_event_type = 'Lock' AND waiting.application_name = current_setting('application_name')
) AS holding JOIN pg_stat_activity AS holder USING (pid)
WHERE holder.application_name = current_setting('application_name') AND holder.state = 'active'
    AND holder.wait_event = 'ClientRead' AND holder.query_start < now() - %s
"""


def end_frozen(engine: Engine, silent: timedelta = SILENT) -> list[int]:
    """End them; answer the numbers of their database processes."""
    with transaction(engine) as (_, raw):
        ended = [pid for pid, _ in raw.execute(_END, [silent])]
    if ended:
        log.warning("ended sessions that froze in a statement and held others up", pids=ended)
    return ended
