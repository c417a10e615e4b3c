"""On the build machine nothing may skip: a test that cannot run there is a test that nobody runs."""

import os
from collections.abc import Iterator

import pytest

IS_CI = os.environ.get("CI") == "true"


class NoSkips:
    """Counts skipped tests, and fails a run under CI=true that has any."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if IS_CI and self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if IS_CI and self.skipped:
            terminalreporter.write_line(f"CI=true, and these skipped: {', '.join(self.skipped)}", red=True)
