/** What the applications ask for, whichever client sends it. */
import { graphql } from "./gql";

export const HOME = graphql(`
  query Home($first: Int, $after: String) {
    homeTimeline(first: $first, after: $after) {
      edges { cursor delivery node { id text viewerHasLiked likeCount } retweetedBy { id handle } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      liveCursor
    }
  }
`);
export const LIVE = graphql(`
  subscription Live($after: String) {
    homeTimelineUpdates(after: $after) {
      __typename
      ... on TimelineTweetAdded {
        liveCursor cursor delivery tweet { id text viewerHasLiked likeCount } retweetedBy { id handle }
      }
      ... on TimelineTweetRemoved { liveCursor cursor tweetId }
      ... on TimelineReset { liveCursor reason }
    }
  }
`);
export const LIKE = graphql(`
  mutation Like($id: ID!) {
    likeTweet(id: $id) { tweet { id likeCount viewerHasLiked } userErrors { code message } }
  }
`);
