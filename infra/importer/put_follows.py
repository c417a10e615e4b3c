"""From rows of follows to events: new pairs only, each once."""

from collections.abc import Iterable
from itertools import chain

from infra.importer.feed import InFlight, by_partition
from infra.importer.files import Batch
from infra.importer.meter import Meter
from infra.importer.report import Report, Tally
from infra.importer.rows import FollowRow
from infra.importer.site import Site
from loaders.records import UserId
from realtime.events import FollowsImported

Pair = tuple[UserId, UserId]


async def put_follows(
    batches: Iterable[Batch[FollowRow]], site: Site, tally: Tally, report: Report, meter: Meter
) -> None:
    """Append what is new of all batches. Earlier rows have lower edge ids: their follows are older."""
    in_flight = InFlight[Pair, None]()
    for batch in batches:
        rows = [row for _, row in batch.rows]
        ids = await site.people.ids(chain.from_iterable(rows))
        in_flight.settle(await site.feed.applied())
        pairs = dict.fromkeys((ids[row.follower.lower()], ids[row.followee.lower()]) for row in rows)
        asked = [pair for pair in pairs if pair not in in_flight]
        known = await site.known.edges(asked)
        fresh = [pair for pair in asked if pair not in known]
        if fresh:
            follows = [(follower, followee, site.new_id()) for follower, followee in fresh]
            parts = by_partition(follows, _key, site.feed.layout.partitions)
            number = await site.feed.append([FollowsImported(part) for part in parts])
            in_flight.put(number, dict.fromkeys(fresh))
        tally.new += len(fresh)
        tally.known += len(rows) - len(fresh)
        report.bad(tally, batch.bad)
        meter.advance(len(batch.rows) + len(batch.bad), batch.done)


def _key(follow: tuple[UserId, UserId, int]) -> int:
    """Return what `log_key` makes of an event of such rows."""
    follower, followee, _ = follow
    return follower ^ followee
