"""What every service counts, for Prometheus. No label ever names a borrower, a loan or a case.

One process is one service: it counts in the library's own registry, beside what the library tells of the process.
"""

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias, TypeVar

from prometheus_client import Counter, Gauge, Histogram

Labels: TypeAlias = tuple[str, ...]
M = TypeVar("M", Counter, Histogram)
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _quick(metric: M) -> M:
    """Remember what stands behind each of the few labels: the library takes longer to find it than to count.

    Not for a metric from which labels are removed.
    """
    metric.labels = cache(metric.labels)  # type: ignore[method-assign]
    return metric


RECORDS = _quick(Counter("arrears_records_applied_total", "Records applied.", ("topic",)))
REPEATS = _quick(Counter("arrears_records_repeated_total", "Records dropped as repeats.", ("topic",)))
DEAD = _quick(Counter("arrears_dead_letters_total", "Records put into the dead letters.", ("topic",)))
PARKED = _quick(Counter("arrears_records_parked_total", "Records parked behind a dead letter.", ("topic",)))
GAPS = Counter("arrears_sequence_gaps_total", "Gaps found in sequences.", ("topic",))
FENCED = Counter("arrears_batches_fenced_total", "Batches refused by the stored position.")
WAITS = Counter("arrears_waits_total", "Times that work waited for the outside.", ("what",))
TICKS = Counter("arrears_ticks_total", "Timers run.")
STUCK = Counter("arrears_stuck_timers_total", "Timers pushed back.")
PUBLISHED = Counter("arrears_records_published_total", "Records published.", ("topic",))
BATCH_SECONDS = _quick(Histogram("arrears_batch_seconds", "Seconds per fetched batch.", ("topic",), buckets=BUCKETS))
PUBLISH_SECONDS = Histogram("arrears_publish_seconds", "Seconds from commit to acknowledgement.", buckets=BUCKETS)
LAG = Gauge("arrears_lag_records", "Records not yet applied.", ("topic", "partition"))
HALTED = Gauge("arrears_halted", "1 for a partition that stands still until a person decides.", ("topic", "partition"))
STOPPED = Gauge("arrears_stopped", "1 while the worker has stopped because a person has to decide.")
KNOWN_AGE = Gauge("arrears_known_as_of_age_seconds", "Age of what is known.", ("partition",))

_shown: dict[Gauge, set[Labels]] = {}


def show(gauge: Gauge, values: Mapping[Labels, float]) -> None:
    """Show these values and no others; a partition that went to another worker must not be shown for ever."""
    for gone in _shown.get(gauge, set()) - values.keys():
        gauge.remove(*gone)
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
    _shown[gauge] = set(values)
