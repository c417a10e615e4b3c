"""Failures that were to be expected, said in one line each, without a traceback."""

from typing import Any

import typer
from typer.core import TyperGroup

from infra.settings_given import SettingsError
from loaders.errors import RoostError

WRONG_SETTINGS = 2
INTERRUPTED = 130


class PlainFailures(TyperGroup):
    """Turns failures with a meaning into exit codes: 2 for settings, 130 for an interrupt, 1 for the others."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            code = _explain(error)
            if code is None:
                raise
            raise typer.Exit(code) from None


def _explain(error: Exception) -> int | None:
    match error:
        case SettingsError():
            for problem in error.problems:
                typer.echo(problem, err=True)
            return WRONG_SETTINGS
        case RoostError():
            typer.echo(str(error), err=True)
        case OSError() if error.filename is not None:
            typer.echo(f"{error.filename}: {error.strerror}", err=True)
        case _:
            return None
    return 1
