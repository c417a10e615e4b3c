"""How contracts open event logs: a place for one test, in which the same log can be opened again and again."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from realtime.ports import EventLog

OpenLog = Callable[[], AbstractAsyncContextManager[EventLog]]
"""Opens the log of one place, as another process would."""
OpenPlace = Callable[[str, Path, Callable[[], int]], AbstractAsyncContextManager[OpenLog]]
"""Makes a place, given the URL of its server, a folder of its own and the clock in milliseconds; it goes at the end."""
