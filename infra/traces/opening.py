"""Whether anything is traced: where nothing is, nothing of OpenTelemetry is loaded."""

from typing import TYPE_CHECKING

from infra.settings import Settings

if TYPE_CHECKING:
    from infra.traces.tracing import Tracing


def tracing_of(settings: Settings, process: str) -> "Tracing | None":
    """Return what traces a process of this name; None unless the settings say where to."""
    if not settings.otlp_url:
        return None
    # It takes a third of a second to import, and memory, which nobody pays who does not trace.
    from infra.traces.tracing import Tracing  # noqa: PLC0415

    return Tracing.exporting(settings, process)
