"""How far each group has come, beside what it keeps in the same file."""

import sqlite3


def position_of(connection: sqlite3.Connection, group: str) -> int:
    """Return the offset up to which a group has written down that it came, 0 at first."""
    row = connection.execute("SELECT log_offset FROM positions WHERE consumer_group = ?", (group,)).fetchone()
    return row[0] if row else 0


def move(connection: sqlite3.Connection, group: str, offset: int) -> None:
    """Move a group on, never back."""
    connection.execute(
        "INSERT INTO positions VALUES (?, ?) ON CONFLICT (consumer_group) DO UPDATE SET"
        " log_offset = max(log_offset, excluded.log_offset)",
        (group, offset),
    )
