"""The story that most tests of assignment tell."""

import pytest

from tests.assignment.story import Story


@pytest.fixture
def story():
    """One borrower in Guangdong, four agencies and the in-house team."""
    return Story()
