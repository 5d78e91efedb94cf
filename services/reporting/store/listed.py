"""The queries of the tables in `listings.py`. The part before the line `--` is a WITH list, the rest a SELECT."""

from services.reporting.store.portfolio import BUCKET_SQL, CURRENCY, LOANS, OUTSTANDING, STANDING
from services.reporting.store.promises import PROMISES

LAST = "max(ARRAY[lpad(\"offset\"::text, 19, '0'), {}])"
"""The latest of some text by offset: good within one thing, which lives on one partition."""

STAGE = "CASE type WHEN 'case.stage_changed.v1' THEN label WHEN 'case.closed.v1' THEN detail ELSE 'open' END"

CASES = f"""
WITH thing AS (
    SELECT subject_id AS id, max(borrower_id) AS borrower_id,
        min(at) FILTER (WHERE type = 'case.opened.v1') AS opened_at,
        max(label) FILTER (WHERE type = 'case.opened.v1') AS segment,
        max(detail) FILTER (WHERE type = 'case.opened.v1') AS arm,
        max(amount) FILTER (WHERE type = 'case.opened.v1') AS arrears, max(currency) AS currency,
        {LAST.format("CASE type WHEN 'case.closed.v1' THEN label ELSE 'open' END")}
            FILTER (WHERE type <> 'case.stage_changed.v1') AS outcome,
        {LAST.format(STAGE)}
            AS stage,
        max(at) FILTER (WHERE type = 'case.closed.v1') AS closed_at
    FROM facts WHERE type IN ('case.opened.v1', 'case.reopened.v1', 'case.closed.v1', 'case.stage_changed.v1')
        AND recorded_time <= :known GROUP BY subject_id
)
--
SELECT id, borrower_id, outcome[2] AS outcome, stage[2] AS stage, segment, arm, arrears, currency, opened_at,
    CASE outcome[2] WHEN 'open' THEN NULL ELSE closed_at END AS closed_at
FROM thing"""

_KNOWN = """coalesce({0}, (
        SELECT {0} FROM loan_positions WHERE loan_id = loan.id AND {0} IS NOT NULL AND recorded_time <= :known
        LIMIT 1))"""

LOANS_STANDING = (
    LOANS
    + f"""
--
SELECT loan.id AS id, borrower_id,
    CASE state WHEN 'overdue' THEN {BUCKET_SQL.format(day="CAST(:day AS date)")} ELSE 'M0' END AS bucket, state,
    arrears, principal, interest, fees, {OUTSTANDING} AS outstanding, {CURRENCY} AS currency,
    oldest_due_on, {_KNOWN.format("product")} AS product, {_KNOWN.format("region")} AS region
FROM loan CROSS JOIN LATERAL ({STANDING.format(of=":of")}) AS standing"""
)

NOTICES = f"""
WITH thing AS (
    SELECT subject_id AS id, max(borrower_id) AS borrower_id,
        max(label) FILTER (WHERE type <> 'notice.answered.v1') AS step,
        max(detail) FILTER (WHERE type <> 'notice.answered.v1') AS channel,
        {LAST.format("split_part(type, '.', 2)")} FILTER (WHERE type <> 'notice.answered.v1') AS state,
        max(label) FILTER (WHERE type = 'notice.answered.v1') AS answer,
        max(amount) FILTER (WHERE type = 'notice.sent.v1') AS arrears, max(currency) AS currency,
        min(at) FILTER (WHERE type = 'notice.sent.v1') AS sent_at
    FROM facts WHERE type IN ('notice.sent.v1', 'notice.delivered.v1', 'notice.failed.v1', 'notice.unknown.v1',
        'notice.answered.v1') AND recorded_time <= :known GROUP BY subject_id
)
--
SELECT id, borrower_id, step, channel, CASE state[2] WHEN 'sent' THEN 'waiting' ELSE state[2] END AS state, answer,
    arrears, currency, sent_at
FROM thing"""

DENIALS = """
SELECT subject_id || ' ' || topic || partition || '-' || "offset" || rule AS id, subject_id AS contact_id, borrower_id,
    label AS purpose, detail AS channel, rule, at AS decided_at
FROM facts, unnest(rules) AS rule WHERE type = 'contact.denied.v1' AND recorded_time <= :known"""

PLACEMENTS = f"""
WITH thing AS (
    SELECT subject_id AS id, max(borrower_id) AS borrower_id, max(agency_id) AS agency_id,
        {LAST.format("split_part(type, '.', 2)")} FILTER (WHERE type <> 'placement.ended.v1') AS state,
        max(label) FILTER (WHERE type = 'placement.recalled.v1') AS cause,
        max(amount) FILTER (WHERE type = 'placement.offered.v1') AS arrears, max(currency) AS currency,
        min(at) FILTER (WHERE type = 'placement.offered.v1') AS offered_at,
        min(at) FILTER (WHERE type = 'placement.activated.v1') AS activated_at,
        min(at) FILTER (WHERE type = 'placement.recalled.v1') AS recalled_at,
        max(label) FILTER (WHERE type = 'placement.ended.v1') AS attested
    FROM facts WHERE type IN ('placement.offered.v1', 'placement.activated.v1', 'placement.refused.v1',
        'placement.recalled.v1', 'placement.ended.v1') AND recorded_time <= :known GROUP BY subject_id
)
--
SELECT id, borrower_id, agency_id,
    CASE state[2] WHEN 'offered' THEN 'pending' WHEN 'activated' THEN 'active' ELSE state[2] END AS state, cause,
    arrears, currency, offered_at, activated_at, recalled_at, attested
FROM thing"""

PROMISES_LISTED = (
    PROMISES
    + """, due AS (
    SELECT subject_id AS id, (data ->> 'due_on')::date AS due_on
    FROM facts JOIN bodies USING (topic, partition, "offset")
    WHERE type = 'promise.made.v1' AND recorded_time <= :known
)
--
SELECT id, borrower_id, outcome, via, amount, currency, due_on, made_at,
    CASE outcome WHEN 'open' THEN NULL ELSE decided_at END AS decided_at
FROM decided LEFT JOIN due USING (id)"""
)

VISITS = f"""
WITH thing AS (
    SELECT subject_id AS id, max(borrower_id) AS borrower_id, max(agency_id) AS agency_id,
        {LAST.format("split_part(type, '.', 2)")} FILTER (WHERE type NOT LIKE 'visit.evidence%') AS state,
        max(label) FILTER (WHERE type IN ('visit.completed.v1', 'visit.no_contact.v1', 'visit.refused.v1'))
            AS disposition,
        max(CASE type WHEN 'visit.cancelled.v1' THEN label ELSE detail END) FILTER (WHERE type IN ('visit.completed.v1',
            'visit.no_contact.v1', 'visit.refused.v1', 'visit.cancelled.v1')) AS reason,
        max(detail) FILTER (WHERE type = 'visit.permit_requested.v1') AS attempt,
        max(at) FILTER (WHERE type = 'visit.planned.v1') AS window_start,
        min(at) FILTER (WHERE type = 'visit.arrived.v1') AS arrived_at
    FROM facts WHERE type IN ('visit.permit_requested.v1', 'visit.planned.v1', 'visit.appointed.v1',
        'visit.dispatched.v1', 'visit.arrived.v1', 'visit.completed.v1', 'visit.no_contact.v1', 'visit.refused.v1',
        'visit.cancelled.v1',
        'visit.aborted.v1') AND recorded_time <= :known GROUP BY subject_id
)
--
SELECT id, borrower_id, agency_id, coalesce(disposition, state[2]) AS ending, reason,
    attempt::bigint AS attempt, window_start, arrived_at
FROM thing"""

PAYMENTS = """
SELECT subject_id || '/' || "offset" AS id, subject_id AS payment_id, borrower_id, loan_id,
    label AS attributed_to, agency_id, amount, currency, valid_time AS paid_at
FROM facts WHERE type = 'payment.attributed.v1' AND recorded_time <= :known"""
