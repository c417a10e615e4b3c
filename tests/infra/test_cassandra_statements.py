"""What the statements for Cassandra have in common, without any server."""

import re
from pathlib import Path

import infra.adapters.cassandra

FOLDER = Path(infra.adapters.cassandra.__file__).parent
# In a literal: INSERT INTO a table or UPDATE it, and whatever follows up to the end of the statement's last literal.
STATEMENT = re.compile(r'"(?:INSERT INTO|UPDATE) (\w+)((?:[^"]|"\s*f?")*)"')


def test_no_table_is_written_both_with_stamps_and_by_lightweight_transactions() -> None:
    """Such a transaction has a time of its own, which a stamp, far below it, would never overcome (C2)."""
    conditional, stamped = set[str](), set[str]()
    for path in FOLDER.glob("*.py"):
        for table, rest in STATEMENT.findall(path.read_text()):
            if re.search(r"\bIF\b", rest):
                conditional.add(table)
            if "TIMESTAMP" in rest:
                stamped.add(table)

    assert conditional >= {"handles", "users", "idempotency_keys", "worker_leases", "epochs"}
    assert stamped >= {"followers", "followees", "relations", "positions", "handled"}
    assert conditional & stamped == set()
