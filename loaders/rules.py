"""Which entries a viewer sees: the one predicate for pages and sockets, and the rule that drops retweets. Pure."""

from collections.abc import Iterable, Sequence

from loaders.ids import ID_MAX
from loaders.records import Delivery, Entry, Relations, Switch, TweetId, UserId

RETWEET_WINDOW = 40
"""A retweet is dropped if its root stands among so many visible entries directly older than it."""


def may_see(author_id: UserId, relations: Relations) -> bool:
    """Tell whether the viewer may read an author at all: no block stands between them."""
    return author_id not in relations.blocks and author_id not in relations.blocked_by


def is_shown_author(author_id: UserId, relations: Relations) -> bool:
    """Tell whether an author's writing may stand in the viewer's home timeline, however it comes."""
    return author_id not in relations.hidden


def is_source(author_id: UserId, relations: Relations) -> bool:
    """Tell whether entries of this author belong to the viewer's home timeline."""
    return author_id == relations.viewer_id or author_id in relations.follows


def belongs(entry: Entry, relations: Relations) -> bool:
    """Tell whether an entry belongs to the viewer's home timeline, deleted or not."""
    entry_id, author_id, root_id, root_author_id, reply_author_id, _, _ = entry
    follows, viewer_id, hidden = relations.follows, relations.viewer_id, relations.hidden
    if (author_id not in follows and author_id != viewer_id) or author_id in hidden:
        return False
    if root_id != entry_id:
        return root_author_id not in hidden
    return reply_author_id is None or reply_author_id in follows or reply_author_id == viewer_id


def visible(entry: Entry, relations: Relations) -> bool:
    """Tell whether an entry is to be shown in the viewer's home timeline, but for the rule that drops retweets."""
    return entry.gone_at is None and belongs(entry, relations)


def sources(relations: Relations) -> list[UserId]:
    """Return the authors whose entries are worth reading: those hidden altogether are left out first (F8)."""
    authors = [author for author in relations.follows if is_shown_author(author, relations)]
    authors.append(relations.viewer_id)
    return authors


def shown_flags(roots: Sequence[tuple[TweetId, TweetId]], window: int = RETWEET_WINDOW) -> list[bool]:
    """Tell for each visible (entry id, root id), newest first, whether it shows.

    A retweet does not show if its original, or another retweet of it, stands among the `window` visible entries
    directly older than it, counted before any are dropped.
    """
    root_ids = [root_id for _, root_id in roots]
    return [
        entry_id == root_id or root_id not in root_ids[place : place + window]
        for place, (entry_id, root_id) in enumerate(roots, start=1)
    ]


def pulls_between(switches: Sequence[Switch], floor: TweetId, below: TweetId | None) -> bool:
    """Tell whether any id above `floor`, and below another if one is named, is pulled."""
    top = ID_MAX + 1 if below is None else below
    end = top
    for switch in reversed(switches):
        if switch.delivery is Delivery.PULLED and max(switch.from_id, floor + 1) < min(end, top):
            return True
        end = switch.from_id
        if end <= floor + 1:
            break
    return False


def delivery_at(entry_id: TweetId, switches: Iterable[Switch] | None) -> Delivery:
    """Return the author's recorded policy at an id (F6): that of the last switch at or below it."""
    delivery = Delivery.PUSHED
    for switch in switches or ():
        if switch.from_id > entry_id:
            break
        delivery = switch.delivery
    return delivery
