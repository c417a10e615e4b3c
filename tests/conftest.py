"""What tests are handed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.no_skips import NoSkips
from tests.world import World, open_world


def pytest_configure(config: pytest.Config) -> None:
    """Let nothing skip unseen."""
    config.pluginmanager.register(NoSkips())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh world with a push limit of a few followers."""
    async with open_world(tmp_path) as opened:
        yield opened
