"""`roost stack`: real Kafka, Cassandra, Redis, OpenSearch, S3 and Flink on loopback, for trying the cluster."""

# ruff: noqa: PLC0415 - what only one command needs is imported there.
import os
from pathlib import Path
from typing import Annotated

import typer

from infra.settings import Settings
from infra.settings_given import ENV_FILE

FOLDER = "stack"
LINES = 20

app = typer.Typer(
    help="Real Kafka, Cassandra, Redis, OpenSearch, S3 and Flink on loopback, without Docker, to try the cluster.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(short_help="Start the servers, and write the settings that name them.")
def up(
    dcs: Annotated[int, typer.Option(min=1, max=2, help="Data centres of Cassandra: 1 node, or 3 and 1.")] = 1,
    kafka: Annotated[int, typer.Option(help="Brokers of Kafka: 1 or 3.")] = 1,
    redis_cluster: Annotated[bool, typer.Option("--redis-cluster", help="Three masters and their replicas.")] = False,
    no_search: Annotated[bool, typer.Option("--no-search", help="No OpenSearch, which takes 700 MB.")] = False,
    flink: Annotated[bool, typer.Option("--flink", help="Flink too, which counts trends.")] = False,
) -> None:
    """Start the servers, wait until each answers, write the settings that name them, and make topics and tables.

    They go on when this command has ended: `roost stack down` stops them. Ctrl-C before that leaves nothing running.
    What they run on is fetched first, into ~/.cache/roost. Their data stays for the next time.
    """
    import asyncio

    from infra.cluster.migrate import migrate
    from infra.stack.control import up as start
    from infra.stack.fetch import fetch_s3
    from infra.stack.stack import Choice

    if kafka not in (1, 3):
        raise typer.BadParameter("1 or 3 brokers", param_hint="--kafka")
    _fetch(with_search=not no_search, with_flink=flink)
    lacking = fetch_s3(os.environ, typer.echo)
    for problem in lacking:
        typer.echo(f"{problem} Without it this cluster keeps no media.", err=True)
    path = start(
        _folder(),
        Choice(dcs, kafka, redis_cluster, has_search=not no_search, has_media=not lacking, has_flink=flink),
        lambda server: typer.echo(f"{server.name} answers: {server.url}"),
    )
    for line in asyncio.run(migrate(Settings.load({**os.environ, ENV_FILE: str(path)}))):
        typer.echo(line)
    typer.echo(f"\nThe settings are in {path}. Run Roost on them:\n")
    for command in ("work", "serve"):
        typer.echo(f"  roost --env {path} {command}")


@app.command(short_help="Stop the servers.")
def down(
    delete: Annotated[bool, typer.Option("--delete", help="Delete their data too.")] = False,
) -> None:
    """Stop the servers; nothing of them is left running."""
    from infra.stack.control import down as stop

    typer.echo("Stopped." if stop(_folder(), delete) else "Nothing was running.")


@app.command(short_help="Show each server, and whether it answers.")
def status() -> None:
    """Show each process, and whether it answers; the exit status is 1 unless all do."""
    import asyncio

    from rich.console import Console
    from rich.table import Table

    from infra.stack.control import running
    from infra.stack.control import status as ask

    state = running(_folder())
    if state is None or not state.servers:
        typer.echo("Nothing is running.")
        raise typer.Exit(1)
    table = Table("server", "node", "pid", "address", "", box=None, pad_edge=False)
    found = asyncio.run(ask(state))
    for each in found:
        said = "answers" if each.does_answer else "does not answer" if each.is_alive else "has ended"
        table.add_row(
            each.server, each.node.name, str(each.node.pid or "-"), f"{each.node.host}:{each.node.port}", said
        )
    Console(highlight=False).print(table)
    if not all(each.does_answer for each in found):
        raise typer.Exit(1)


@app.command(short_help="Show the last lines of the servers' logs.")
def logs(
    name: Annotated[str | None, typer.Argument(help="A server or a node, as `roost stack status` calls it.")] = None,
    lines: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="Lines of each.")] = LINES,
) -> None:
    """Show the last lines of the servers' logs, whether they run or not."""
    from infra.stack.control import logs as read

    for node, text in read(_folder(), name, lines):
        if text:
            typer.echo(f"== {node}\n{text}")


@app.command(short_help="Fetch and install what the servers need.")
def fetch() -> None:
    """Fetch and install what the servers need, and say what is missing; the exit status is 1 if anything is."""
    _fetch(with_s3=True)
    typer.echo("All that the stack needs is here.")


def _fetch(with_search: bool = True, with_flink: bool = True, with_s3: bool = False) -> None:
    from infra.stack.fetch import fetch as make_present
    from infra.stack.fetch import fetch_s3

    missing = make_present(os.environ, typer.echo, with_search, with_flink)
    if with_s3:
        missing += fetch_s3(os.environ, typer.echo)
    for problem in missing:
        typer.echo(problem, err=True)
    if missing:
        raise typer.Exit(1)


def _folder() -> Path:
    return Settings.load(os.environ).data_dir / FOLDER
