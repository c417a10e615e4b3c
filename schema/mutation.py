"""Mutation: what can be done."""

import strawberry

from resolvers import accounts, media, notifications, tweets, users
from schema import payloads
from schema.media import CompleteMediaUploadPayload, CreateMediaUploadPayload
from schema.notification import MarkNotificationsReadPayload


@strawberry.type
class Mutation:
    """The mutations."""

    sign_up = strawberry.mutation(resolver=accounts.sign_up, graphql_type=payloads.SessionPayload)
    log_in = strawberry.mutation(resolver=accounts.log_in, graphql_type=payloads.SessionPayload)
    renew_token = strawberry.mutation(resolver=accounts.renew_token, graphql_type=payloads.RenewTokenPayload)
    update_profile = strawberry.mutation(resolver=accounts.update_profile, graphql_type=payloads.UpdateProfilePayload)
    post_tweet = strawberry.mutation(resolver=tweets.post, graphql_type=payloads.TweetPayload)
    delete_tweet = strawberry.mutation(resolver=tweets.delete, graphql_type=payloads.DeleteTweetPayload)
    like_tweet = strawberry.mutation(resolver=tweets.like, graphql_type=payloads.TweetPayload)
    unlike_tweet = strawberry.mutation(resolver=tweets.unlike, graphql_type=payloads.TweetPayload)
    retweet = strawberry.mutation(resolver=tweets.retweet, graphql_type=payloads.TweetPayload)
    undo_retweet = strawberry.mutation(resolver=tweets.undo_retweet, graphql_type=payloads.TweetPayload)
    follow_user = strawberry.mutation(resolver=users.follow, graphql_type=payloads.UserPayload)
    unfollow_user = strawberry.mutation(resolver=users.unfollow, graphql_type=payloads.UserPayload)
    mute_user = strawberry.mutation(resolver=users.mute, graphql_type=payloads.UserPayload)
    unmute_user = strawberry.mutation(resolver=users.unmute, graphql_type=payloads.UserPayload)
    block_user = strawberry.mutation(resolver=users.block, graphql_type=payloads.UserPayload)
    unblock_user = strawberry.mutation(resolver=users.unblock, graphql_type=payloads.UserPayload)
    mark_notifications_read = strawberry.mutation(
        resolver=notifications.mark,
        graphql_type=MarkNotificationsReadPayload,
        description="Everything up to an edge's cursor, or up to a liveCursor; of several devices the highest stands.",
    )
    create_media_upload = strawberry.mutation(
        resolver=media.create_upload,
        graphql_type=CreateMediaUploadPayload,
        description="Begins an upload: the bytes go to the URL that it answers, by HTTP PUT.",
    )
    complete_media_upload = strawberry.mutation(
        resolver=media.complete_upload,
        graphql_type=CompleteMediaUploadPayload,
        description="Checks what was put there, and makes a medium of it; again, it answers the same.",
    )
