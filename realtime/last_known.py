"""What a gateway of a cluster knows of its pages: it need not ask for it again, nor do without it."""

from collections.abc import Mapping, Sequence

from loaders.errors import Unavailable
from loaders.known import Known, Since
from loaders.recent import Recent
from loaders.records import Entry, Relations, Tweet, TweetId, TweetView, User, UserId
from loaders.rules import may_see
from realtime.remembered import Remembered

RETRY_AFTER_S = 1.0


class LastKnown:
    """Tweets, also as viewers saw them last, and accounts, beside the entries and relations that are `remembered`.

    What an entry shows and to whom is told by those alone, which every hiding event takes away: views may be stale in
    their counts and names, and never show what is gone. A tweet's text never changes, so that it is kept as it is.
    """

    def __init__(self, remembered: Remembered, views_max: int = 20_000) -> None:
        self._remembered = remembered
        self._tweets = Recent[TweetId, Tweet](views_max)
        self._views = Recent[tuple[UserId | None, TweetId], TweetView](views_max)
        self._users = Recent[UserId, User](views_max)

    def since(self) -> Since:
        """See `Known`."""
        return Since(self._remembered.changes, self._remembered.relation_changes)

    def keep(
        self,
        viewer_id: UserId | None,
        since: Since,
        *,
        relations: Relations | None = None,
        entries: Sequence[Entry | None] = (),
        tweets: Sequence[Tweet | None] = (),
        views: Sequence[TweetView | None] = (),
        users: Sequence[User | None] = (),
    ) -> None:
        """See `Known`."""
        if relations is not None:
            self._remembered.keep_relations(relations, since.relations)
        if entries:
            self._remembered.keep(entries, since.entries)
        if tweets:
            self._tweets.put_many({tweet.id: tweet for tweet in tweets if tweet is not None})
        if views:
            found = {view.id: view for view in views if view is not None}
            self._remembered.keep_standing(found, since.entries)
            self._views.put_many({(viewer_id, view_id): view for view_id, view in found.items()})
        if users:
            self._users.put_many({user.id: user for user in users if user is not None})

    def told(self, viewer_id: UserId, ids: Sequence[TweetId]) -> Mapping[TweetId, Entry | None]:
        """See `Known`."""
        found = self._remembered.told(ids)
        own = [each.id for each in found.values() if each and viewer_id in (each.author_id, each.root_author_id)]
        for entry_id in own:
            del found[entry_id]
        return found

    def bodies(self, viewer_id: UserId | None, ids: Sequence[TweetId]) -> Mapping[TweetId, Tweet]:
        """See `Known`."""
        stand = self._remembered.known_to_stand(ids)
        return {
            tweet.id: tweet
            for tweet, stands in zip(self._tweets.get_many(ids), stand, strict=True)
            if tweet is not None and stands and tweet.author_id != viewer_id
        }

    def relations(self, viewer_id: UserId) -> Relations:
        """See `Known`."""
        relations = self._remembered.known_relations(viewer_id)
        if relations is None:
            raise _unknown()
        return relations

    def entries(self, viewer_id: UserId, ids: Sequence[TweetId]) -> tuple[list[Entry], bool]:
        """See `Known`."""
        standing, lacking = self._remembered.known_entries(ids)
        shown = [entry for entry in standing if self._can_be_shown(viewer_id, entry)]
        return shown, not lacking and len(shown) == len(standing)

    def views(self, viewer_id: UserId | None, ids: Sequence[TweetId]) -> Sequence[TweetView]:
        """See `Known`."""
        relations = None if viewer_id is None else self.relations(viewer_id)
        views = self._views.get_many([(viewer_id, tweet_id) for tweet_id in ids])
        shown = [
            view
            for view, stands in zip(views, self._remembered.known_to_stand(ids), strict=True)
            if view is not None and stands
            # Of the usual tweet the author is known; who has none cannot be judged.
            if view.author is not None and (relations is None or may_see(view.author.id, relations))
        ]
        if len(shown) < len(ids):
            raise _unknown()
        return shown

    def users(self, ids: Sequence[UserId]) -> Sequence[User]:
        """See `Known`."""
        users = [user for user in self._users.get_many(ids) if user is not None]
        if len(users) < len(ids):
            raise _unknown()
        return users

    def _can_be_shown(self, viewer_id: UserId, entry: Entry) -> bool:
        view = self._views.get((viewer_id, entry.root_id))
        if view is None or view.author is None:
            return False
        return not entry.is_retweet or self._users.get(entry.author_id) is not None


def _unknown() -> Unavailable:
    return Unavailable("The stores do not answer, and this is not known without them", RETRY_AFTER_S)


_: type[Known] = LastKnown
