"""Who audits one timeline: the running server, asked over HTTP, or this process."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from infra.cli.accounts import Account, tokens
from infra.settings import Settings
from loaders.errors import Unavailable
from loaders.global_ids import encode_id
from realtime.audit import AuditStores, audit_home

DOCUMENT = """
query HomeTimelineAudit($first: Int) {
  homeTimelineAudit(first: $first) { checked missing { id } unexpected { id } duplicates { id } }
}
"""
KINDS = {"missing": "missing", "unexpected": "unexpected", "duplicates": "double"}
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an account's audit found, as (kind, tweet id); `checked` entries were compared."""

    account: Account
    checked: int
    findings: Sequence[tuple[str, str]]


class Auditor(Protocol):
    """Audits timelines one by one."""

    async def audit(self, account: Account, first: int) -> Verdict:
        """Audit the newest `first` entries of an account's home timeline."""


class OwnAuditor:
    """Audits by this process's own stores."""

    def __init__(self, stores: AuditStores) -> None:
        self._stores = stores

    async def audit(self, account: Account, first: int) -> Verdict:
        """See `Auditor`."""
        found = await audit_home(account[0], first, self._stores)
        named = {"missing": found.missing, "unexpected": found.unexpected, "double": found.duplicates}
        return Verdict(
            account,
            found.checked,
            [(kind, encode_id("Tweet", each.tweet_id)) for kind, findings in named.items() for each in findings],
        )


class ServedAuditor:
    """Asks the server, in the name of each account; so its caches are audited as they are."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = urlsplit(url)
        self._tokens = tokens(settings)

    async def audit(self, account: Account, first: int) -> Verdict:
        """See `Auditor`."""
        answer = await asyncio.to_thread(self._ask, account, first)
        if answer.get("errors") or not answer.get("data"):
            messages = [str(error.get("message")) for error in answer.get("errors") or [{"message": "no data"}]]
            raise Unavailable(f"The server cannot audit {account[1]}: {'; '.join(messages)}")
        found = answer["data"]["homeTimelineAudit"]
        return Verdict(
            account, found["checked"], [(kind, each["id"]) for name, kind in KINDS.items() for each in found[name]]
        )

    def _ask(self, account: Account, first: int) -> Mapping[str, Any]:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=TIMEOUT_S)
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self._tokens.issue(account[0]).text}",
        }
        body = orjson.dumps({"query": DOCUMENT, "variables": {"first": first}})
        try:
            connection.request("POST", f"{self._url.path}/graphql", body, headers)
            answer = orjson.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(f"The server at {self._url.geturl()} does not answer: {error}") from error
        finally:
            connection.close()
        return answer if isinstance(answer, dict) else {}
