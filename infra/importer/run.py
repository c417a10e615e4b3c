"""The command `import`: files in, events out, and a report."""

from pathlib import Path

from rich.console import Console

from infra.clocks import Clocks
from infra.importer.files import open_input
from infra.importer.follows import parse_follow
from infra.importer.meter import meter
from infra.importer.put_follows import put_follows
from infra.importer.put_tweets import TweetsInput
from infra.importer.report import Report
from infra.importer.site import Site, open_site
from infra.importer.tweets import tweet_parser
from infra.settings import Settings


async def run_import(
    settings: Settings, follows: Path | None, tweets: Path | None, console: Console, clocks: Clocks | None = None
) -> Report:
    """Import either file or both, and answer the report once all is applied.

    Running it again adds nothing twice, and completes a run that was killed. Raises `Unavailable` if another command
    is at work on the data folder, or nobody applies what is appended; OSError if a file cannot be opened.
    """
    report = Report(settings.data_dir)
    try:
        async with open_site(settings, clocks or Clocks(), "import") as site:
            if follows is not None:
                await _import_follows(follows, site, report, console)
            if tweets is not None:
                await _import_tweets(tweets, site, report, console)
            with console.status("Waiting until all of it is applied"):
                report.unapplied = await site.finish()
            report.accounts = site.people.made
    finally:
        report.close()
    return report


async def _import_follows(path: Path, site: Site, report: Report, console: Console) -> None:
    with open_input(path) as source, meter(console, path.name, source.size).shown() as shown:
        batches = source.batches(parse_follow, site.batch_rows)
        await put_follows(batches, site, report.tally(path.name), report, shown)


async def _import_tweets(path: Path, site: Site, report: Report, console: Console) -> None:
    with open_input(path) as source, meter(console, path.name, source.size).shown() as shown:
        batches = source.batches(tweet_parser(site.clocks.now_ms), site.batch_rows)
        await TweetsInput(site, report.tally(path.name), report).put_all(batches, shown)
