"""The commands of a cluster: `roost work`, `roost migrate`, `roost doctor`."""

# ruff: noqa: PLC0415 - what only one command needs is imported there.
import os
from typing import Annotated

import typer

from infra.settings import Settings

app = typer.Typer(rich_markup_mode=None)


@app.command(short_help="Run a consumer group's worker, on a cluster.")
def work(
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="store|fanout|notify|search|trends", help="Only this group; all of them if none is named."
        ),
    ] = None,
) -> None:
    """Follow the cluster's log as a member of its groups, until a signal comes.

    Of `search` where there is an OpenSearch, of `trends` where Flink counts them.

    Any number may run: Kafka shares the partitions out among them, and takes them over from one that stops.
    """
    import asyncio

    from infra.cluster.work import groups_of, run_work

    settings = Settings.load(os.environ)
    known = groups_of(settings)
    groups = tuple(dict.fromkeys(group or known))
    if not set(groups) <= set(known):
        raise typer.BadParameter(f"one of {', '.join(known)}", param_hint="--group")
    asyncio.run(run_work(settings, groups))


@app.command(short_help="Create or upgrade a cluster's topics and tables.")
def migrate() -> None:
    """Create or upgrade the topics and tables that the settings name; running it again changes nothing."""
    import asyncio

    from infra.cluster.migrate import migrate as run

    for line in asyncio.run(run(Settings.load(os.environ))):
        typer.echo(line)


@app.command(short_help="Check a cluster's servers, and say what to do about what is wrong.")
def doctor() -> None:
    """Check every server that the settings name: reach, version, schema, clock, and settings that lose data.

    The exit status is 1 if anything is wrong.
    """
    import asyncio

    from infra.cluster.doctor import examine

    findings = asyncio.run(examine(Settings.load(os.environ)))
    for finding in findings:
        typer.echo(str(finding))
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


@app.command(short_help="Print the job by which a cluster's Flink counts trends.")
def trends_job(
    log_url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The log as Flink reaches it; as the settings say if not given.")
    ] = None,
) -> None:
    """Print the SQL that a Flink is to run, such as by its `sql-client.sh -f`; ROOST_TRENDS_URL says where it runs.

    Begin it from its newest checkpoint whenever it is started again.
    """
    from infra.adapters.kafka.connection import KafkaAddress
    from infra.flink.job import trends_job as job

    settings = Settings.load(os.environ)
    try:
        KafkaAddress.parse(log_url or settings.log_url)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error
    typer.echo(job(log_url or settings.log_url, settings), nl=False)
