"""The proof, and the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass

import strawberry

from loaders.cursors import encode_cursor
from loaders.errors import BadUserInput
from loaders.global_ids import encode_id
from realtime.audit import Finding, audit_home
from realtime.explain import Explanation, explain
from resolvers.context import Info
from resolvers.guards import signed_in, tweet_id_of


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding, named for clients."""

    id: str
    cursor: str


@dataclass(frozen=True, slots=True)
class AuditView:
    """An audit, named for clients."""

    checked: int
    missing: Sequence[FindingView]
    unexpected: Sequence[FindingView]
    duplicates: Sequence[FindingView]


async def audit(info: Info, first: int | None = None) -> AuditView:
    """Audit the viewer's home timeline."""
    viewer_id, services = signed_in(info), info.context.services
    size = services.audit_size_max if first is None else first
    if not 1 <= size <= services.audit_size_max:
        raise BadUserInput(f"first must be between 1 and {services.audit_size_max}, not {size}")
    found = await audit_home(viewer_id, size, services.audit)
    return AuditView(found.checked, _named(found.missing), _named(found.unexpected), _named(found.duplicates))


async def explained(info: Info, tweet_id: strawberry.ID) -> Explanation | None:
    """Explain a tweet's presence or absence."""
    services = info.context.services
    return await explain(signed_in(info), tweet_id_of(tweet_id), services.home, services.log, services.progress)


def _named(findings: Sequence[Finding]) -> list[FindingView]:
    return [FindingView(encode_id("Tweet", each.tweet_id), encode_cursor(each.entry_id)) for each in findings]
