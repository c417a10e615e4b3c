"""What an operator should know of an OpenSearch: facts, each with what to do where it is not well."""

from collections.abc import Sequence

from infra.adapters.examined import Examined, examined
from infra.adapters.guard import Refused
from infra.adapters.opensearch.connection import OpenSearchConnection
from infra.adapters.opensearch.indices import Indices
from loaders.errors import Unavailable

VERSION_MIN = (2, 19)
LACKING = "roost rebuild search"


async def examine(connection: OpenSearchConnection) -> Sequence[Examined]:
    """Answer the facts; only that it cannot be reached, if so. It raises nothing."""
    try:
        info = await connection.call(lambda client: client.info())
        health = await connection.call(lambda client: client.cluster.health(params={"level": "indices"}))
        indices = Indices(connection)
        in_use = await indices.in_use()
        is_whole = in_use is not None and await indices.is_whole()
    except Refused as error:
        return [Examined("opensearch access", False, f"{error}: see the user and the password in ROOST_SEARCH_URL")]
    except Unavailable as error:
        where = "see that it runs, that the URL is right, and what lies between"
        return [Examined("opensearch reach", False, f"{error}: {where}")]
    version = str(info["version"]["number"])
    is_new = tuple(map(int, version.split(".")[:2])) >= VERSION_MIN
    ours = [str(each["status"]) for name, each in health["indices"].items() if in_use is not None and name in in_use]
    return [
        Examined("opensearch reach", True, ""),
        examined(f"opensearch version {version}", is_new, "upgrade to OpenSearch 2.19 or later"),
        examined("opensearch index", in_use is not None, "run `roost migrate`, then `roost rebuild search`"),
        examined("opensearch index whole", is_whole, f"it lacks what was there before it was made: run `{LACKING}`"),
        examined(
            "opensearch shards",
            all(status == "green" for status in ours),
            "some shards are nowhere, or lack copies: see `GET _cluster/allocation/explain`",
        ),
    ]
