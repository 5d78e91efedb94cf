"""Idempotency keys: a caller's and the service's own never meet."""

import pytest

from tests.assignment.test_database import BY, bench, engine, http, tell  # noqa: F401

pytestmark = pytest.mark.stack


def test_a_callers_key_never_meets_one_of_our_own(bench, http):  # noqa: F811
    story = tell(bench).placed()
    taken = http.post(f"/cases/{story.case_id}/holds", json=BY, headers={"Idempotency-Key": "panel/A-1"})
    assert taken.status_code == 200
    assert not bench.runtime.command("A-1", lambda state, _: (state, ()), key="panel/A-1", request=b"panel")
