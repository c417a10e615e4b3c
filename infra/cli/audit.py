"""The command `audit`: who is audited, by whom, what was found, and how it is mended."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from infra.adapters.sqlite.log import SQLiteEventLog
from infra.cli.accounts import Account, account_of, draw
from infra.cli.auditors import Auditor, OwnAuditor, ServedAuditor, Verdict
from infra.clocks import Clocks
from infra.data_folder import DataFolder, is_free, running_server
from infra.embedded import open_engine
from infra.importer.feed import Feed
from infra.importer.known import SQLiteKnown
from infra.importer.meter import meter
from infra.settings import Settings
from loaders.errors import Unavailable
from loaders.records import UserId
from realtime.events import RepairRequested

REPAIR_STALLED_S = 3_600.0
"""A repair applies the whole log once more, in one step."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an audit takes place: who audits, whose accounts there are, and the way to have a repair done.

    `drained` waits until everything in the log has been handled.
    """

    auditor: Auditor
    find: Callable[[str], Awaitable[Account]]
    draw: Callable[[int, int | None], Awaitable[Sequence[Account]]]
    drained: Callable[[], Awaitable[object]]
    repair: Callable[[Sequence[UserId]], Awaitable[object]]


async def run_audit(
    settings: Settings,
    console: Console,
    count: int,
    handle: str | None,
    *,
    first: int = 800,
    seed: int | None = None,
    repairs: bool = False,
) -> bool:
    """Audit one account or `count` of them, print what was found, and answer whether all is well in the end."""
    async with _open_place(settings) as place:
        accounts = [await place.find(handle)] if handle is not None else await place.draw(count, seed)
        await place.drained()
        verdicts = await _audited(accounts, min(first, settings.audit_size_max), place.auditor, console)
        _show(verdicts, console)
        faulty = [verdict.account for verdict in verdicts if verdict.findings]
        if faulty and repairs:
            with console.status("Mending"):
                await place.repair([user_id for user_id, _ in faulty])
                await place.drained()
            console.print("Mended what the log can mend; audited again:")
            verdicts = await _audited(faulty, min(first, settings.audit_size_max), place.auditor, console)
            _show(verdicts, console)
    return not any(verdict.findings for verdict in verdicts)


async def _audited(accounts: Sequence[Account], first: int, auditor: Auditor, console: Console) -> list[Verdict]:
    verdicts = []
    with meter(console, "Auditing", len(accounts)).shown() as shown:
        for number, account in enumerate(accounts, 1):
            verdicts.append(await auditor.audit(account, first))
            shown.advance(1, number)
    return verdicts


def _show(verdicts: Sequence[Verdict], console: Console) -> None:
    found = [(verdict.account[1], *finding) for verdict in verdicts for finding in verdict.findings]
    if found:
        table = Table("Account", "Finding", "Tweet")
        for row in found:
            table.add_row(*row)
        console.print(table)
    kinds = [kind for _, kind, _ in found]
    counts = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in ("missing", "unexpected", "double"))
    entries = sum(verdict.checked for verdict in verdicts)
    outcome = counts if found else "nothing missing, unexpected or double"
    console.print(f"checked {len(verdicts):,} timelines, {entries:,} entries: {outcome}", soft_wrap=True)


@asynccontextmanager
async def _open_place(settings: Settings) -> AsyncIterator[Place]:
    if settings.is_embedded:
        async with _open_folder(settings) as place:
            yield place
        return
    from infra.cluster.operators import Operator  # noqa: PLC0415 - its drivers take a second to import

    async with Operator.open(settings) as operator:
        yield Place(OwnAuditor(operator.audit), operator.account_of, operator.draw, operator.drained, operator.repair)


@asynccontextmanager
async def _open_folder(settings: Settings) -> AsyncIterator[Place]:
    clocks = Clocks()
    async with AsyncExitStack() as stack:
        server = running_server(settings.data_dir)
        auditor: Auditor
        if server is None:
            stack.enter_context(DataFolder(settings.data_dir, "audit"))
            engine = await stack.enter_async_context(open_engine(settings, clocks))
            auditor, log = OwnAuditor(engine.services.audit), engine.log
        else:
            auditor = ServedAuditor(server.url, settings)
            log = await stack.enter_async_context(
                SQLiteEventLog.open(settings.database(settings.log_url, "log"), clocks.now_ms)
            )
        known = stack.enter_context(SQLiteKnown.open(settings.database(settings.tweets_url, "store")))

        def check() -> None:
            if is_free(settings.data_dir):
                raise Unavailable("The server has stopped: audit again")

        feed = Feed(log, known, 1, check, REPAIR_STALLED_S)

        async def find(handle: str) -> Account:
            return account_of(settings, handle)

        async def drawn(count: int, seed: int | None) -> Sequence[Account]:
            return draw(settings, count, seed)

        async def repair(user_ids: Sequence[UserId]) -> None:
            begins_at, _ = await log.bounds()
            await feed.append([RepairRequested(user_ids, begins_at)])

        yield Place(auditor, find, drawn, feed.drained, repair)
