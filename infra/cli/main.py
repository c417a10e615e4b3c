"""The command line. Each command loads what it needs when it runs, so that `roost --help` answers at once."""

# ruff: noqa: PLC0415 - what only one command needs is imported there.
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.cluster import app as cluster
from infra.cli.failures import PlainFailures
from infra.cli.stack import app as stack
from infra.settings import Settings
from infra.settings_given import ENV_FILE

if TYPE_CHECKING:
    from rich.console import Console

AUDIT_SAMPLE = 100

app = typer.Typer(
    name="roost",
    cls=PlainFailures,
    help="Roost: home timelines behind GraphQL, on one machine.\n\nSettings come from ROOST_* variables and from"
    " settings.toml in the data folder (ROOST_DATA_DIR, .roost by default): `roost config` shows them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def settings_from(
    env: Annotated[
        Path | None,
        typer.Option("--env", metavar="FILE", help="Settings from a file of ROOST_NAME=value lines."),
    ] = None,
) -> None:
    """Take settings from a file as well: what is said here stands for the variable, for the processes begun too."""
    if env is not None:
        os.environ[ENV_FILE] = str(env)


app.add_typer(cluster)
app.add_typer(stack, name="stack", short_help="Real servers on loopback, for trying the cluster.")

FollowsFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Lines of follower TAB followee.")
]
TweetsFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Lines of JSON.")]


def main() -> None:
    """Run the command that the arguments name."""
    app()


@app.command(short_help="Serve GraphQL.")
def serve(
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Gateway processes on one port: for a cluster, about one a core.")
    ] = 1,
    listener: Annotated[int | None, typer.Option(hidden=True)] = None,
    line: Annotated[int | None, typer.Option(hidden=True)] = None,
    siblings: Annotated[Path | None, typer.Option(hidden=True)] = None,
    place: Annotated[int, typer.Option(hidden=True)] = 0,
    of: Annotated[int, typer.Option(hidden=True)] = 1,
) -> None:
    """Serve GraphQL until a signal comes. An empty data folder starts empty: `roost sample` fills it.

    On a cluster this is a gateway, of which there may be any number. With several workers SIGHUP replaces them one by
    one, and no request fails.
    """
    settings = _settings()
    if workers > 1:
        from infra.server import announce
        from infra.serving import Serving

        if settings.is_embedded:
            raise typer.BadParameter("one process owns a data folder; several need a cluster", param_hint="--workers")
        command = [sys.executable, "-m", "infra.cli", "serve"]
        raise typer.Exit(Serving(settings, workers, command, lambda listener: announce(listener, settings)).run())
    from infra.server import run
    from infra.siblings import Siblings

    run(settings, listener, line, None if siblings is None else Siblings(siblings, place, of))


@app.command("import", short_help="Import follows and tweets from files.")
def import_files(follows: FollowsFile = None, tweets: TweetsFile = None) -> None:
    """Import follows, tweets or both, while the server runs or while it is stopped.

    Files may be plain or gzip. Follows are lines of "follower TAB followee", a number n meaning the handle u<n>; a
    first line that names the columns is skipped. Tweets are lines of JSON: {"author", "text", "createdAt": ISO-8601 or
    Unix seconds, "id"?, "inReplyTo"?, "retweetOf"?, "lang"?}, where inReplyTo and retweetOf name ids of the same
    source.

    Accounts come into being as they are named. Running it again adds nothing twice, and completes what was
    interrupted. Bad lines stop nothing: they are counted by reason, and the exit status is 0 unless no line at all
    could be read.
    """
    import asyncio

    from infra.importer.run import run_import

    if follows is None and tweets is None:
        raise typer.BadParameter("name a file: --follows FILE, --tweets FILE, or both")
    settings, console = _settings(), _console()
    _calm_collector()
    report = asyncio.run(run_import(settings, follows, tweets, console))
    report.show(console)
    if report.is_failure:
        raise typer.Exit(1)


@app.command(short_help="Load the bundled sample into an empty data folder.")
def sample() -> None:
    """Load the bundled sample into an empty data folder; a load that was interrupted is completed.

    Who follows whom and the texts are real; names, times, replies, retweets and likes are made up.
    """
    import asyncio

    from infra.sample.load import DEMO_PASSWORD, load_sample, sample_state
    from infra.sample.people import DEMO_HANDLE

    settings, console = _settings(), _console()
    _calm_collector()
    if asyncio.run(load_sample(settings, console)):
        console.print(f"The sample is loaded. Log in as {DEMO_HANDLE} with the password {DEMO_PASSWORD}.")
    elif sample_state(settings.data_dir) is not None:
        console.print("The sample is loaded already.")
    else:
        console.print(f"{settings.data_dir} holds accounts already: the sample is for an empty folder.", markup=False)


@app.command("migrate-to", short_help="Copy a data folder into an empty cluster.")
def migrate_to(
    env: Annotated[Path, typer.Option("--env", metavar="FILE", exists=True, help="The settings of the cluster.")],
) -> None:
    """Copy the data folder, its server stopped, into an empty cluster that was migrated and whose workers run.

    It goes through the log, and is proved at the end by counts and digests of every kind. Killed midway, it goes on
    where it was. Ids, page cursors and tokens stay valid; live cursors get a Reset.
    """
    import asyncio

    from infra.moving.run import migrate_to as run

    source = Settings.load({name: value for name, value in os.environ.items() if name != ENV_FILE})
    target = Settings.load({**os.environ, ENV_FILE: str(env)})
    _calm_collector()
    if not asyncio.run(run(source, target, _console())):
        raise typer.Exit(1)


@app.command(short_help="Back a data folder up into one file.")
def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]) -> None:
    """Back the data folder up into one file, while the server runs or while it is stopped.

    All that was acknowledged before is in it, passwords' hashes and the key that signs tokens too: keep it safe.
    """
    import time

    from infra.backup import back_up

    typer.echo(f"Backed up: {back_up(_settings(), file, time.time)}.")


@app.command(short_help="Restore a backup into an empty data folder.")
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="What `backup` wrote.")],
) -> None:
    """Restore a backup into the data folder, which must be empty: it appears there whole or not at all."""
    import secrets

    from infra.backup import restore as run

    settings = _settings()
    found = run(settings, file, lambda: secrets.randbits(32))
    typer.echo(f"Restored into {settings.data_dir}: {found}.")


@app.command(short_help="Make an index anew.")
def rebuild(index: Annotated[str, typer.Argument(metavar="search", help="What to make anew: search.")]) -> None:
    """Make the search index anew from the stores and the log, while the server runs or while it is stopped.

    Searching goes on with the index there is, until the new one takes its place.
    """
    import asyncio

    from infra.cli.rebuild import rebuild_search

    if index != "search":
        raise typer.BadParameter("there is no index but search", param_hint="search")
    asyncio.run(rebuild_search(_settings(), _console()))


@app.command(short_help="Print a bearer token for an account.")
def token(handle: Annotated[str, typer.Argument(help="The account's handle, in any case.")]) -> None:
    """Print a bearer token for an account: an operator's tool, which asks for no password."""
    import asyncio

    from infra.cli.accounts import find_account, tokens

    settings = _settings()
    user_id, _ = asyncio.run(find_account(settings, handle))
    typer.echo(tokens(settings).issue(user_id).text)


@app.command()
def schema() -> None:
    """Print the GraphQL schema as SDL."""
    from schema.api import create_schema
    from schema.limits import Limits

    typer.echo(create_schema(Limits(), documents_max=1).as_str())


@app.command(short_help="Print the settings in force.")
def config() -> None:
    """Print the settings in force and where each comes from, secrets masked."""
    from infra.cli.shown_settings import lines

    for line in lines(_settings(), os.environ):
        typer.echo(line)


@app.command(short_help="Prove that home timelines hold what they must.")
def audit(
    sample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"Audit N accounts, spread over all; {AUDIT_SAMPLE} by default."),
    ] = None,
    handle: Annotated[str | None, typer.Option(metavar="H", help="Audit this account alone.")] = None,
    first: Annotated[int, typer.Option(min=1, metavar="N", help="Entries of each timeline to compare.")] = 800,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Draw the same accounts again.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what was found, and audit again.")] = False,
) -> None:
    """Prove home timelines: each is recomputed from the stores and the log, past every cache, and compared.

    With the server running, it is asked for the timelines that it serves; else they are computed here. The exit
    status is 1 if anything is missing, unexpected or double.
    """
    import asyncio

    from infra.cli.audit import run_audit

    if sample is not None and handle is not None:
        raise typer.BadParameter("either --sample or --handle")
    is_clean = asyncio.run(
        run_audit(_settings(), _console(), sample or AUDIT_SAMPLE, handle, first=first, seed=seed, repairs=repair)
    )
    if not is_clean:
        raise typer.Exit(1)


@app.command(
    short_help="Run the benchmarks, in a checkout.",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def bench(context: typer.Context) -> None:
    """Run the benchmarks of tests/bench, in a checkout; what follows is passed on to them."""
    import subprocess

    root = Path(__file__).parents[2]
    if not (root / "tests" / "bench" / "__main__.py").exists():
        typer.echo("The benchmarks are part of a checkout, which this installation is not.", err=True)
        raise typer.Exit(1)
    finished = subprocess.run([sys.executable, "-m", "tests.bench", *context.args], cwd=root, check=False)
    raise typer.Exit(finished.returncode)


def _settings() -> Settings:
    return Settings.load(os.environ)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _calm_collector() -> None:
    # Rows come by the hundred thousand and hold no cycles: looking for some all the time costs a tenth of the whole.
    gc.set_threshold(50_000, 20, 50)
