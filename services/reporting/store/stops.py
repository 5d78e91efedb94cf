"""The query for wrongful contacts: contacts made while a stop stood that had been recorded long enough before."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from services.reporting.store.view import View, rows

_KNOWN = """
    SELECT max(said) AS said, max(day) AS day, max(version) AS version FROM marks AS before
    WHERE before.borrower_id = {mark}.borrower_id AND before.kind = {mark}.kind AND before.loan_id = {mark}.loan_id
        AND before.topic = {mark}.topic AND before.said IS NOT NULL AND before."offset" < {mark}."offset"
"""
"""What was heard of a loan before a mark, by the words on its own topic."""

_STOP_COUNTS = """
    stop.word IS NULL OR stop.word = 'ends' OR known.said IS NULL
    OR CASE WHEN stop.version IS NOT NULL AND known.version IS NOT NULL THEN stop.version >= known.version
        ELSE stop.said >= known.said OR stop.day >= known.day END
"""
_RELEASE_COUNTS = """
    release.word IS NULL
    OR CASE WHEN release.word = 'shows' THEN stop.said IS NULL OR (release.said > stop.said
            AND release.day >= stop.day AND coalesce(release.version >= stop.version, true))
        WHEN known.said IS NULL THEN true
        WHEN release.version IS NOT NULL AND known.version IS NOT NULL THEN release.version > known.version
        WHEN release.word = 'undoes' THEN release.said >= known.said
        WHEN release.word = 'tells' THEN release.said > known.said
        ELSE release.day >= known.day
            AND (release.said > known.said OR (release.said = known.said AND release.day > known.day)) END
"""
"""Both as services.rulebook.word has it; a release is asked about only where a stop stands. A snapshot's word stands on
another topic than the bank's, so it is compared with the stop itself."""

_PERMIT = """
    permit.type = 'contact.allowed.v1' AND permit.borrower_id = contacts_made.borrower_id
    AND permit.recorded_time <= :known AND permit.ids @> ARRAY[contacts_made.contact_id]
"""
_ABOUT_THE_LOAN = f"""
    stop.loan_id IS NULL OR stop.loan_id = ANY(contacts_made.loan_ids)
    OR (contacts_made.loan_ids = '{{}}'
        AND EXISTS (SELECT 1 FROM facts AS permit WHERE {_PERMIT} AND permit.ids @> ARRAY[stop.loan_id]))
"""
"""A contact of an agency or an officer is about the loans of its permit; without one no stop of a loan concerns it."""

_MEANS_THE_PARTY = f"""
    stop.kind <> 'status' OR contacts_made.loan_ids <> '{{}}'
    OR NOT EXISTS (SELECT 1 FROM facts AS permit JOIN bodies USING (topic, partition, "offset")
        WHERE {_PERMIT} AND bodies.data ->> 'party' = 'contact_person')
"""
"""Contact persons are asked because the borrower is dead or lacks capacity."""

_WRONGFUL = f"""
SELECT DISTINCT ON (contact_id, contacts_made.borrower_id) contact_id, contacts_made.borrower_id, made_at, stop.kind,
    stop.recorded_time AS stopped_at
FROM contacts_made JOIN marks AS stop ON stop.role = 'stop' AND stop.borrower_id = contacts_made.borrower_id
    AND ({_ABOUT_THE_LOAN}) AND ({_MEANS_THE_PARTY})
    AND (stop.kind NOT LIKE 'stop_request %' OR stop.kind = 'stop_request ' || contacts_made.channel)
    CROSS JOIN LATERAL ({_KNOWN.format(mark="stop")}) AS known
WHERE greatest(stop.recorded_time, stop.starts) < made_at - CAST(:grace AS interval)
    AND (stop.ends IS NULL OR stop.ends > made_at)
    AND contacts_made.recorded_time <= :known AND stop.recorded_time <= :known
    AND ({_STOP_COUNTS})
    AND NOT EXISTS (
        SELECT 1 FROM marks AS release CROSS JOIN LATERAL ({_KNOWN.format(mark="release")}) AS known
        WHERE release.role = 'release' AND release.borrower_id = stop.borrower_id AND release.kind = stop.kind
            AND release.loan_id IS NOT DISTINCT FROM stop.loan_id
            AND release.recorded_time >= stop.recorded_time AND release.recorded_time <= made_at
            AND (release.topic <> stop.topic OR release."offset" > stop."offset")
            AND (release.starts IS NULL OR release.starts >= stop.recorded_time)
            AND (release.ends IS NULL OR release.ends > made_at)
            AND ({_RELEASE_COUNTS})
    )
ORDER BY contact_id, contacts_made.borrower_id, stop.recorded_time, stop.kind
"""


@dataclass(frozen=True, slots=True)
class Wrongful:
    """A contact that should not have been made, and the earliest stop that stood against it."""

    contact_id: str
    borrower_id: str
    made_at: datetime
    kind: str
    stopped_at: datetime


def wrongful(db: Connection, view: View) -> list[Wrongful]:
    """All wrongful contacts known. A function of facts: the order in which topics were read does not matter."""
    return [Wrongful(r.contact_id, r.borrower_id, r.made_at, r.kind, r.stopped_at) for r in rows(db, view, _WRONGFUL)]
