"""Small numbers for logs, growing with time: the epoch of everything that is projected from a log."""

from infra.adapters.cassandra.session import CassandraSession
from loaders.errors import Unavailable

READ = "SELECT number, identity FROM epochs WHERE series = 'log'"
TAKE = "INSERT INTO epochs (series, number, identity) VALUES ('log', ?, ?) IF NOT EXISTS"
TRIES_MAX = 100


async def epoch_of(session: CassandraSession, identity: str) -> int:
    """Return the number of a log, from 1 on; one that is not known yet gets the next.

    `identity` must change whenever offsets begin anew or keys go to other partitions: a topic's own id with its
    number of partitions, say. Any number of callers at once agree. Raises `Unavailable` with nothing taken for certain:
    asking again is safe.
    """
    for _ in range(TRIES_MAX):
        known: dict[str, int] = {name: number for number, name in await session.serial_rows(READ, is_global=True)}
        if identity in known:
            return known[identity]
        # Whether it is this caller's, another's, or not known for a lost answer: the next round reads what stands.
        try:
            await session.conditional(TAKE, max(known.values(), default=0) + 1, identity, is_global=True)
        except Unavailable:
            continue
    raise Unavailable("Too many logs ask for an epoch at once", retry_after_s=1.0)
