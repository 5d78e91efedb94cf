"""Folders under the checkout, because the database server must reach its data as an ordinary user."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import DEFAULT_VAR


@pytest.fixture
def var() -> Iterator[Path]:
    """An empty folder for one stack, removed after the test."""
    folder = DEFAULT_VAR / "scratch" / uuid.uuid4().hex[:8]
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
