"""The home timeline as the issue words it, in as few lines as will do: what the real one is held against."""

from dataclasses import dataclass, field

from realtime.events import Event, RelationChanged, Retweeted, RetweetUndone, TweetDeleted, TweetPosted, Verb


@dataclass
class Naive:
    """Everything that happened, in the order of the log."""

    entries: dict[int, TweetPosted | Retweeted] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    follows: set[tuple[int, int]] = field(default_factory=set)
    mutes: set[tuple[int, int]] = field(default_factory=set)
    blocks: set[tuple[int, int]] = field(default_factory=set)

    def home(self, me: int) -> list[tuple[int, int]]:
        """Return the viewer's home timeline as (entry id, root id), newest first."""
        mine = {me} | {b for a, b in self.follows if a == me}
        hidden = {b for a, b in self.mutes | self.blocks if a == me} | {a for a, b in self.blocks if b == me}
        visible = []
        for entry in sorted(self.entries.values(), key=lambda entry: entry.id, reverse=True):
            root = self.entries.get(entry.root_id) if isinstance(entry, Retweeted) else entry
            if entry.author_id in mine - hidden and entry.id not in self.gone and root and root.id not in self.gone:
                answers = isinstance(entry, TweetPosted) and entry.reply_author_id
                if root.author_id not in hidden and (not answers or answers in mine):
                    visible.append((entry.id, root.id))
        roots = [root_id for _, root_id in visible]
        return [e for at, e in enumerate(visible) if e[0] == e[1] or e[1] not in roots[at + 1 : at + 41]]

    def apply(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case TweetPosted():
                self.entries.setdefault(event.id, event)
            case Retweeted():
                standing = (e for e in self.entries.values() if isinstance(e, Retweeted) and e.id not in self.gone)
                if not any(e.author_id == event.author_id and e.root_id == event.root_id for e in standing):
                    self.entries.setdefault(event.id, event)
            case TweetDeleted() | RetweetUndone():
                if event.id in self.entries and self.entries[event.id].author_id == event.author_id:
                    self.gone.add(event.id)
            case RelationChanged():
                self._relate(event.verb, (event.actor_id, event.target_id))

    def _relate(self, verb: Verb, pair: tuple[int, int]) -> None:
        turned = (pair[1], pair[0])
        match verb:
            case Verb.FOLLOW if not self.blocks & {pair, turned}:
                self.follows.add(pair)
            case Verb.UNFOLLOW:
                self.follows.discard(pair)
            case Verb.MUTE:
                self.mutes.add(pair)
            case Verb.UNMUTE:
                self.mutes.discard(pair)
            case Verb.BLOCK:
                self.blocks.add(pair)
                self.follows -= {pair, turned}
            case Verb.UNBLOCK:
                self.blocks.discard(pair)
