// The normalized cache: each tweet and account is kept once, so that a like shows wherever the tweet does.
import { cacheExchange, type Cache, type OptimisticMutationResolver } from "@urql/exchange-graphcache";

const EMBEDDED = [
  "Entities", "HashtagEntity", "MentionEntity", "UrlEntity", "PageInfo", "TimelineExplanation", "UserError", "NewCount",
  "HomeTimelineConnection", "HomeTimelineEdge", "TweetConnection", "TweetEdge", "UserConnection", "UserEdge",
  "NotificationConnection", "NotificationEdge", "SearchConnection", "SearchEdge", "Trend", "UploadHeader",
]; // prettier-ignore

type Entity = { __typename: "Tweet" | "User"; id: string };

/** What a mutation will have done, shown before the server has answered, and taken back by the cache if it fails. */
function change(payload: string, field: "tweet" | "user", flag: string, on: boolean, count?: string): OptimisticMutationResolver {
  return (args, cache) => {
    const entity: Entity = { __typename: field === "tweet" ? "Tweet" : "User", id: String(args["id"]) };
    const known = (name: string) => cache.resolve(entity, name);
    const step = known(flag) === on ? 0 : on ? 1 : -1;
    const counted = count ? { [count]: Math.max(0, Number(known(count) ?? 0) + step) } : {};
    const rest = field === "user" ? relationOf(entity, cache) : {};
    return { __typename: payload, [field]: { ...entity, ...rest, [flag]: on, ...counted }, userErrors: [] };
  };
}

function relationOf(entity: Entity, cache: Cache) {
  const names = ["viewerIsFollowing", "viewerHasMuted", "viewerHasBlocked", "followersCount"];
  return Object.fromEntries(names.map((name) => [name, cache.resolve(entity, name) as boolean | number]));
}

function tweet(flag: string, on: boolean, count: string) {
  return change("TweetPayload", "tweet", flag, on, count);
}

function user(flag: string, on: boolean, count?: string) {
  return change("UserPayload", "user", flag, on, count);
}

/** A fresh cache, for one session: what one viewer may see is never shown to the next. */
export function freshCache() {
  return cacheExchange({
    keys: Object.fromEntries(EMBEDDED.map((name) => [name, () => null])),
    resolvers: {
      // A card asks for its tweet by id; a list has mostly brought it already.
      Query: { tweet: (_, args) => ({ __typename: "Tweet", id: String(args["id"]) }) },
    },
    optimistic: {
      likeTweet: tweet("viewerHasLiked", true, "likeCount"),
      unlikeTweet: tweet("viewerHasLiked", false, "likeCount"),
      retweet: tweet("viewerHasRetweeted", true, "retweetCount"),
      undoRetweet: tweet("viewerHasRetweeted", false, "retweetCount"),
      followUser: user("viewerIsFollowing", true, "followersCount"),
      unfollowUser: user("viewerIsFollowing", false, "followersCount"),
      muteUser: user("viewerHasMuted", true),
      unmuteUser: user("viewerHasMuted", false),
      blockUser: user("viewerHasBlocked", true),
      unblockUser: user("viewerHasBlocked", false),
    },
  });
}
