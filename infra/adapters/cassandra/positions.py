"""How far each group has come in each partition of the log, beside what it keeps."""

from infra.adapters.cassandra.session import CassandraSession
from loaders.places import Place

POSITION = "SELECT log_offset FROM positions WHERE consumer_group = ? AND epoch = ? AND log_partition = ?"
PLACE = "SELECT log_partition, log_offset FROM positions WHERE consumer_group = ? AND epoch = ?"
MOVE = "INSERT INTO positions (consumer_group, epoch, log_partition, log_offset) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"


async def position_of(session: CassandraSession, group: str, epoch: int, partition: int) -> int:
    """Return the offset up to which a group has come in a partition, 0 at first."""
    rows = await session.rows(POSITION, group, epoch, partition)
    return int(rows[0][0]) if rows else 0


async def place_of(session: CassandraSession, group: str, epoch: int, partitions: int) -> Place:
    """Return the same of the first so many partitions, by one read."""
    reached: dict[int, int] = dict(await session.rows(PLACE, group, epoch))
    return tuple(reached.get(partition, 0) for partition in range(partitions))


async def move(session: CassandraSession, group: str, epoch: int, partition: int, offset: int) -> None:
    """Move a group on. The offset is the timestamp: a place never moves back."""
    await session.write(MOVE, group, epoch, partition, offset, offset)
