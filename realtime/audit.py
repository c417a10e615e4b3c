"""The proof: a timeline as it is served, against what the stores and the log say that it must hold.

It recomputes the timeline by code of its own, so that a fault in merging or hiding cannot hide itself.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from loaders.home import HomeStores, read_home
from loaders.page import PageRequest
from loaders.records import Entry, UserId
from realtime.events import Retweeted, TweetPosted, decode
from realtime.ports import AuditSource, EventLog, Projection

WINDOW = 40
PAGE = 100
PASSES = 3
AUDITS = "audits"
MISSING, UNEXPECTED, DUPLICATE = "missing", "unexpected", "duplicate"


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry that is not as it should be, and the tweet that it shows."""

    entry_id: int
    tweet_id: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found; `checked` entries were compared."""

    checked: int
    missing: Sequence[Finding] = ()
    unexpected: Sequence[Finding] = ()
    duplicates: Sequence[Finding] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.missing or self.unexpected or self.duplicates)

    def both(self, other: "Audit") -> "Audit":
        """Return what this audit and a later one have in common: a tweet on its way is missing only once."""
        return Audit(
            other.checked,
            [finding for finding in other.missing if finding in self.missing],
            [finding for finding in other.unexpected if finding in self.unexpected],
            [finding for finding in other.duplicates if finding in self.duplicates],
        )


@dataclass(frozen=True, slots=True)
class AuditStores:
    """What an audit reads; `found` counts the audits, and their findings by kind."""

    home: HomeStores
    source: AuditSource
    log: EventLog
    projection: Projection
    found: Counter[str] = field(default_factory=Counter)


async def audit_home(viewer_id: UserId, first: int, stores: AuditStores) -> Audit:
    """Compare the newest `first` entries of a home timeline; findings are those that stay when looked at again."""
    found = await _audit(viewer_id, first, stores)
    for _ in range(PASSES - 1):
        if found.is_clean:
            break
        found = found.both(await _audit(viewer_id, first, stores))
    kinds = {MISSING: found.missing, UNEXPECTED: found.unexpected, DUPLICATE: found.duplicates}
    stores.found.update({AUDITS: 1} | {kind: len(findings) for kind, findings in kinds.items()})
    return found


async def _audit(viewer_id: UserId, first: int, stores: AuditStores) -> Audit:
    served = await _served(viewer_id, first, stores.home)
    visible = await stores.source.timeline(viewer_id, 2 * first + WINDOW)
    expected = _without_repeats(visible)[:first]
    entries = {entry_id: Finding(entry_id, root_id) for entry_id, root_id in (*visible, *served)}
    served_ids, expected_ids = Counter(entry_id for entry_id, _ in served), {entry_id for entry_id, _ in expected}
    lost = await _lost(viewer_id, first, stores)
    missing = [entries[entry_id] for entry_id, _ in expected if entry_id not in served_ids]
    return Audit(
        checked=len(expected_ids | set(served_ids)),
        missing=[*missing, *(finding for finding in lost if finding not in missing)],
        unexpected=[entries[entry_id] for entry_id in served_ids if entry_id not in expected_ids],
        duplicates=[entries[entry_id] for entry_id, times in served_ids.items() if times > 1],
    )


async def _served(viewer_id: UserId, first: int, home: HomeStores) -> list[tuple[int, int]]:
    shown: list[Entry] = []
    below: int | None = None
    while len(shown) < first:
        request = PageRequest(min(PAGE, first - len(shown)), below)
        page = await read_home(viewer_id, request, home, home.tweets.slices)
        shown += [edge.entry for edge in page.edges]
        if not page.page_info.has_next_page or not page.edges:
            break
        below = shown[-1].id
    return [(entry.id, entry.root_id) for entry in shown]


def _without_repeats(visible: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    kept = []
    for place, (entry_id, root_id) in enumerate(visible):
        older_roots = [older_root for _, older_root in visible[place + 1 : place + 1 + WINDOW]]
        if entry_id == root_id or root_id not in older_roots:
            kept.append((entry_id, root_id))
    return kept


async def _lost(viewer_id: UserId, first: int, stores: AuditStores) -> list[Finding]:
    """Return what the log holds of the viewer's authors and the store, although it has been past it, does not."""
    partitions = range(stores.log.layout.partitions)
    applied = tuple([await stores.projection.position(partition) for partition in partitions])
    relations = await stores.home.graph.relations(viewer_id)
    logged = await stores.log.posted([*relations.follows, viewer_id], applied, first)
    posted: list[tuple[int, int, int | None]] = []
    for event in (decode(each.payload) for each in logged):
        if isinstance(event, Retweeted):
            posted.append((event.id, event.author_id, event.root_id))
        elif isinstance(event, TweetPosted):
            posted.append((event.id, event.author_id, None))
    unknown = set(await stores.source.unknown(posted))
    return [Finding(entry_id, root_id or entry_id) for entry_id, _, root_id in posted if entry_id in unknown]
