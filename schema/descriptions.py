"""What a reader of the schema is told where a type does not say it itself: by schema coordinate, one line each.

Arguments that mean the same everywhere stand under their name alone. A test asks for a description of everything, and
that none is left here without what it describes.
"""

from collections.abc import Iterator, Mapping

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
)

Described = GraphQLNamedType | GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue

TEXTS: Mapping[str, str] = {
    "(first)": "How many at most, from the top on.",
    "(after)": "Begin below the entry with this cursor.",
    "(last)": "How many at most, from the bottom on; instead of first.",
    "(before)": "End above the entry with this cursor; with last.",
    "(id)": "The global id.",
    "(handle)": "The handle, without @; its case does not matter.",
    "(input)": "What is given.",
    ".edges": "The entries, each with its cursor.",
    ".pageInfo": "Where to go on.",
    ".cursor": "Stands for this entry's place, and stays valid for ever.",
    ".userErrors": "What a person can mend; empty if all went well.",
    "AuditEntry.id": "The id of the tweet that the entry shows.",
    "AuditEntry.cursor": "The entry's place in the timeline.",
    "CompleteMediaUploadPayload": "What came of completing an upload.",
    "CreateMediaUploadInput": "What is going to be uploaded.",
    "CreateMediaUploadPayload": "Where and how to send the bytes.",
    "DeleteTweetPayload": "What came of deleting a tweet.",
    "DeleteTweetPayload.deletedTweetId": "The tweet's id; null if it was not deleted.",
    "Delivery.PUSHED": "Written into the followers' timelines when it was posted.",
    "Delivery.PULLED": "Looked up when a follower reads: the author has very many followers.",
    "Entities.hashtags": "Hashtags in the order of the text.",
    "Entities.mentions": "Mentions in the order of the text.",
    "Entities.urls": "URLs in the order of the text.",
    "ExplainReason.OWN_TWEET": "It is there: the viewer wrote it.",
    "ExplainReason.FOLLOWED_AUTHOR": "It is there: the viewer follows its author.",
    "ExplainReason.RETWEETED_BY_FOLLOWED": "It is there: somebody whom the viewer follows retweeted it.",
    "ExplainReason.NOT_FOLLOWED": "It is not there: the viewer follows nobody who wrote or retweeted it.",
    "ExplainReason.AUTHOR_MUTED": "It is not there: the viewer muted its author.",
    "ExplainReason.BLOCKED": "It is not there: there is a block between its author and the viewer.",
    "ExplainReason.REPLY_TO_NOT_FOLLOWED": "It is not there: it answers somebody whom the viewer does not follow.",
    "ExplainReason.DELETED": "It is not there: it was deleted.",
    "ExplainReason.NOT_YET": "It is on its way there.",
    "Hashtag.name": "The name as it is compared: in lower case, without the #.",
    "Hashtag.tweets": "Tweets that hold it, newest first.",
    "HashtagEntity.start": "Where it begins, its # included.",
    "HashtagEntity.end": "Where it ends, exclusive.",
    "HomeTimelineAudit.checked": "How many entries were compared.",
    "HomeTimelineAudit.missing": "What belongs there and is not.",
    "HomeTimelineAudit.unexpected": "What is there and does not belong.",
    "HomeTimelineAudit.duplicates": "What is there more than once.",
    "HomeTimelineEdge.delivery": "How its author's tweets reached followers at that time.",
    "HomeTimelineEdge.node": "The tweet; of a retweet the original.",
    "HomeTimelineUpdate": "A change of the home timeline.",
    "LogInInput": "Who logs in.",
    "LogInInput.handle": "The handle, in whatever case.",
    "LogInInput.password": "The password.",
    "MarkNotificationsReadPayload": "What came of marking notifications as read.",
    "MarkNotificationsReadPayload.unreadCount": "How many are unread afterwards.",
    "MediaKind.IMAGE": "A picture.",
    "MediaKind.GIF": "A picture that may move.",
    "MediaKind.VIDEO": "A film.",
    "MentionEntity.start": "Where it begins, its @ included.",
    "MentionEntity.end": "Where it ends, exclusive.",
    "Mutation": "What can be changed.",
    "Mutation.signUp": "Make an account, and log it in.",
    "Mutation.logIn": "Log in; an unknown handle and a wrong password are answered alike.",
    "Mutation.renewToken": "Exchange a token that is still good for one that holds longer.",
    "Mutation.updateProfile": "Change what is named of the viewer's profile, and leave the rest.",
    "Mutation.postTweet": "Post a tweet, a reply or a quote; answered once it is durable.",
    "Mutation.deleteTweet": "Delete a tweet of the viewer's own.",
    "Mutation.likeTweet": "Like a tweet; again changes nothing.",
    "Mutation.unlikeTweet": "Take a like back.",
    "Mutation.retweet": "Retweet a tweet; again changes nothing.",
    "Mutation.undoRetweet": "Take a retweet back.",
    "Mutation.followUser": "Follow an account; again changes nothing.",
    "Mutation.unfollowUser": "Follow an account no longer.",
    "Mutation.muteUser": "Hide an account's tweets from the viewer's timeline.",
    "Mutation.unmuteUser": "Show them again.",
    "Mutation.blockUser": "Hide each from the other, and end the follows both ways.",
    "Mutation.unblockUser": "Lift a block; the follows stay ended.",
    "Mutation.markNotificationsRead(upTo)": "The cursor of the newest notification that was read.",
    "NewCount.count": "How many.",
    "Notification.kind": "What was done.",
    "NotificationEdge": "A notification in a list.",
    "NotificationEdge.node": "The notification.",
    "NotificationKind.MENTION": "The actor mentioned the viewer.",
    "NotificationKind.REPLY": "The actor answered the viewer's tweet.",
    "NotificationKind.QUOTE": "The actor quoted the viewer's tweet.",
    "NotificationKind.LIKE": "The actor liked the viewer's tweet.",
    "NotificationKind.RETWEET": "The actor retweeted the viewer's tweet.",
    "NotificationKind.FOLLOW": "The actor follows the viewer.",
    "PageInfo.hasNextPage": "Whether there is more below.",
    "PageInfo.hasPreviousPage": "Whether there is more above, where the page was read upwards.",
    "PageInfo.startCursor": "The cursor of the topmost entry; null on an empty page.",
    "PageInfo.endCursor": "The cursor of the lowest entry, to go on below; null on an empty page.",
    "PostTweetInput": "A tweet to post.",
    "PostTweetInput.text": "What it says, up to 280 by twitter-text's weights; may be empty where there are media.",
    "PostTweetInput.inReplyToId": "The tweet that it answers.",
    "PostTweetInput.quotedTweetId": "The tweet that it quotes.",
    "Query": "What can be read.",
    "Query.user": "An account by its handle; null if there is none.",
    "Query.tweet": "A tweet by its id; null if there is none that the viewer may see.",
    "Query.node": "Anything that has a global id; null if there is no such thing.",
    "Query.hashtag(name)": "Without the #, in whatever case.",
    "Query.homeTimelineNewCount(after)": "The cursor of the topmost entry that is shown.",
    "Query.homeTimelineAudit(first)": "How many of the newest entries to compare.",
    "Query.explainTimeline(tweetId)": "The tweet's global id.",
    "Query.search(query)": "What is looked for, in the language of search.",
    "Query.search(type)": "Tweets, or accounts.",
    "Query.search(order)": "Of tweets: the newest first, or the most relevant.",
    "RenewTokenPayload": "A fresh token.",
    "RenewTokenPayload.token": "The bearer token; null if there is none.",
    "RenewTokenPayload.expiresAt": "Until when it holds.",
    "SearchEdge.node": "What was found.",
    "SearchOrder.NEWEST": "Newest first.",
    "SearchOrder.RELEVANCE": "By how well it fits, weighed with age.",
    "SearchType.TWEETS": "Tweets by what they say.",
    "SearchType.USERS": "Accounts by the beginnings of handle and name.",
    "SessionPayload": "Who is logged in now.",
    "SessionPayload.token": "The bearer token to send from now on; null if nobody was logged in.",
    "SessionPayload.viewer": "The account.",
    "SignUpInput": "A new account.",
    "SignUpInput.handle": "1 to 15 letters, digits and underscores, unique whatever their case.",
    "SignUpInput.displayName": "The name that is shown.",
    "SignUpInput.password": "The password.",
    "Subscription": "What can be followed live.",
    "Subscription.homeTimelineUpdates(after)": "A page's liveCursor, or the last event's; without it from now on.",
    "Subscription.userTweetsUpdates": "What an account posts from now on.",
    "Subscription.hashtagUpdates": "What is posted with a hashtag from now on.",
    "Subscription.hashtagUpdates(name)": "Without the #, in whatever case.",
    "Subscription.notificationAdded(after)": "A page's liveCursor, or the last event's; without it from now on.",
    "TimelineExplanation.present": "Whether it is in the timeline.",
    "TimelineExplanation.reason": "The rule by which it is, or is not.",
    "TimelineExplanation.delivery": "How its author's tweets reached followers at that time.",
    "TimelineReset.liveCursor": "Go on from here after a reconnect.",
    "TimelineReset.reason": "What has happened, for logs.",
    "TimelineTweetAdded.delivery": "How its author's tweets reach followers.",
    "TimelineTweetAdded.tweet": "The tweet; of a retweet the original. Null where it has gone meanwhile.",
    "TimelineTweetAdded.retweetedBy": "Who retweeted it, where the entry is a retweet.",
    "TimelineTweetRemoved.liveCursor": "Go on from here after a reconnect.",
    "Tweet.text": "What it says; text, never HTML.",
    "Tweet.createdAt": "When it was posted.",
    "Tweet.author": "Who wrote it.",
    "Tweet.likeCount": "How many like it.",
    "Tweet.retweetCount": "How many retweeted it.",
    "Tweet.replyCount": "How many replies it has.",
    "Tweet.quoteCount": "How many quotes it has.",
    "Tweet.viewerHasLiked": "Whether the viewer likes it.",
    "Tweet.viewerHasRetweeted": "Whether the viewer retweeted it.",
    "Tweet.entities": "Hashtags, mentions and URLs of the text, with their places.",
    "TweetEdge": "A tweet in a list.",
    "TweetEdge.node": "The tweet.",
    "TweetPayload": "A tweet after what was done with it.",
    "TweetPayload.tweet": "The tweet; null if nothing was done.",
    "UpdateProfileInput": "What to change of a profile.",
    "UpdateProfileInput.displayName": "The name that is shown.",
    "UpdateProfileInput.bio": "Something about oneself.",
    "UpdateProfilePayload": "A profile after a change.",
    "UpdateProfilePayload.viewer": "The profile as it is now, also where the change conflicted with another.",
    "UrlEntity.url": "The URL as it stands in the text.",
    "UrlEntity.start": "Where it begins.",
    "UrlEntity.end": "Where it ends, exclusive.",
    "User.handle": "The handle, without @.",
    "User.displayName": "The name that is shown.",
    "User.bio": "Something about oneself.",
    "User.avatarUrl": "Where its picture is; null if it has none.",
    "User.createdAt": "Since when there is this account.",
    "User.followersCount": "How many follow it.",
    "User.followingCount": "How many it follows.",
    "User.viewerIsFollowing": "Whether the viewer follows it.",
    "User.followsViewer": "Whether it follows the viewer.",
    "User.viewerHasMuted": "Whether the viewer muted it.",
    "User.viewerHasBlocked": "Whether the viewer blocked it.",
    "User.followers": "Who follows it, the latest first.",
    "User.following": "Whom it follows, the latest first.",
    "UserEdge": "An account in a list.",
    "UserEdge.node": "The account.",
    "UserError.code": "For programs: docs/api.md lists them.",
    "UserError.message": "For people.",
    "UserError.path": "The field of the input that it is about.",
    "UserPayload": "An account after what was done with it.",
    "UserPayload.user": "The account; null if nothing was done.",
}


def describe(schema: GraphQLSchema) -> None:
    """Describe what does not describe itself."""
    for names, part in described(schema):
        if not part.description:
            part.description = next((TEXTS[name] for name in names if name in TEXTS), None)


def described(schema: GraphQLSchema) -> Iterator[tuple[tuple[str, ...], Described]]:
    """Yield all that can be described, with its coordinate and then the names under which others describe it too."""
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        yield (name,), kind
        if isinstance(kind, GraphQLEnumType):
            for value_name, value in kind.values.items():
                yield (f"{name}.{value_name}",), value
        elif isinstance(kind, GraphQLInputObjectType):
            for field_name, input_field in kind.fields.items():
                yield (f"{name}.{field_name}",), input_field
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield from _fields(name, kind)


def _fields(name: str, kind: GraphQLObjectType | GraphQLInterfaceType) -> Iterator[tuple[tuple[str, ...], Described]]:
    for field_name, field in kind.fields.items():
        coordinate = f"{name}.{field_name}"
        yield (coordinate, f".{field_name}"), field
        for argument_name, argument in field.args.items():
            yield (f"{coordinate}({argument_name})", f"({argument_name})"), argument
