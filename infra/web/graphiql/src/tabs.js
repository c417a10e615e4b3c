// The tabs that open on a first visit: the documents of the main job, each complete in itself.

import { AUTHOR_FIELDS, PAGE_FIELDS, TWEET_FIELDS } from "./fragments.js";

const HOME_TIMELINE = `# Your home timeline, newest first:
# log in above, then run this.
# For the next page set "after" to the endCursor.
# "delivery" tells whether an entry was PUSHED to
# you or is PULLED from its author as you read.
query HomeTimeline(
  $first: Int
  $after: String
  $before: String
  $last: Int
) {
  homeTimeline(
    first: $first
    after: $after
    before: $before
    last: $last
  ) {
    edges {
      cursor
      delivery
      node {
        ...TweetFields
      }
      retweetedBy {
        ...AuthorFields
      }
    }
    pageInfo {
      ...PageFields
    }
    liveCursor
    complete
  }
}

${PAGE_FIELDS}

${TWEET_FIELDS}
`;

const HOME_TIMELINE_UPDATES = `# Changes to your home timeline, as they happen:
# run this, then post from another account.
# Set "after" to a page's liveCursor to hear first
# of everything that happened since that page.
# If the connection is lost, it is made again, and
# goes on after the last event that was shown.
subscription HomeTimelineUpdates($after: String) {
  homeTimelineUpdates(after: $after) {
    __typename
    ... on TimelineTweetAdded {
      liveCursor
      cursor
      delivery
      replayed
      tweet {
        ...TweetFields
      }
      retweetedBy {
        ...AuthorFields
      }
    }
    ... on TimelineTweetRemoved {
      liveCursor
      cursor
      tweetId
    }
    ... on TimelineReset {
      liveCursor
      reason
    }
  }
}

${TWEET_FIELDS}
`;

const POST_TWEET = `# Posts a tweet as you, safe on disk once answered.
# With an "idempotencyKey" in the input, sending it
# again answers the same tweet.
mutation PostTweet($input: PostTweetInput!) {
  postTweet(input: $input) {
    tweet {
      ...TweetFields
    }
    userErrors {
      code
      message
      path
    }
  }
}

${TWEET_FIELDS}
`;

const USER_TWEETS = `# An account and what it wrote, open to anyone.
# Set "handle" to any handle, for example that of
# an author in your timeline.
query UserTweets(
  $handle: String!
  $first: Int = 20
  $after: String
) {
  user(handle: $handle) {
    ...AuthorFields
    bio
    followersCount
    followingCount
    tweetsCount
    viewerIsFollowing
    followsViewer
    viewerHasMuted
    viewerHasBlocked
    tweets(first: $first, after: $after) {
      edges {
        cursor
        node {
          ...TweetFields
        }
      }
      pageInfo {
        ...PageFields
      }
    }
  }
}

${PAGE_FIELDS}

${TWEET_FIELDS}
`;

const FOLLOW = `# Follows an account: its tweets then show in your
# home timeline, the older ones too.
# Set "id" to a user's id, as UserTweets shows it.
mutation Follow($id: ID!) {
  followUser(id: $id) {
    user {
      id
      followersCount
      viewerIsFollowing
    }
    userErrors {
      code
      message
      path
    }
  }
}
`;

const EXPLAIN = `# Why a tweet is, or is not, in your home timeline,
# and how long it took to get there.
# Set "tweetId" to a tweet's id from another tab.
query Explain($tweetId: ID!) {
  explainTimeline(tweetId: $tweetId) {
    present
    reason
    delivery
    fanOutLagMs
  }
}
`;

const AUDIT = `# Proof that nothing is lost: works your home
# timeline out afresh from the tweets themselves,
# without a cache, and compares it with the one
# that you are shown. The lists should be empty.
query Audit($first: Int = 800) {
  homeTimelineAudit(first: $first) {
    checked
    missing {
      id
    }
    unexpected {
      id
    }
    duplicates {
      id
    }
  }
}
`;

const SEARCH = `# Tweets by words, "phrases", #hashtags, @mentions,
# from:handle, lang:, since:2026-01-31, OR and -not,
# newest first. Set "type" to USERS for accounts.
query Search(
  $query: String!
  $type: SearchType = TWEETS
  $first: Int = 20
  $after: String
) {
  search(
    query: $query
    type: $type
    first: $first
    after: $after
  ) {
    edges {
      cursor
      node {
        __typename
        ... on Tweet {
          ...TweetFields
        }
        ... on User {
          ...AuthorFields
        }
      }
    }
    pageInfo {
      ...PageFields
    }
  }
}

${PAGE_FIELDS}

${TWEET_FIELDS}
`;

const NOTIFICATIONS = `# What others did that concerns you.
# notificationAdded(after:) goes on live from
# "liveCursor"; markNotificationsRead(upTo:) takes
# an edge's cursor, on all your devices.
query Notifications($first: Int = 20, $after: String) {
  notifications(first: $first, after: $after) {
    unreadCount
    liveCursor
    edges {
      cursor
      node {
        id
        kind
        createdAt
        isRead
        actorsCount
        actor {
          ...AuthorFields
        }
        tweet {
          id
          text
        }
      }
    }
    pageInfo {
      ...PageFields
    }
  }
}

${PAGE_FIELDS}

${AUTHOR_FIELDS}
`;

const TRENDS = `# What is talked about now far more than is
# usual for it, in the last hour. Once a minute it
# moves: trendsUpdated tells it live.
query Trends($first: Int! = 10) {
  trends(first: $first) {
    name
    tweetCount
    score
    since
  }
}
`;

const ID_TO_FILL_IN = "paste an id here";

function tab(query, variables) {
  return { query, variables: JSON.stringify(variables, null, 2) };
}

export const OPENING_TABS = [
  tab(HOME_TIMELINE, { first: 10 }),
  tab(HOME_TIMELINE_UPDATES, { after: null }),
  tab(POST_TWEET, { input: { text: "Hello from GraphiQL" } }),
  tab(USER_TWEETS, { handle: "sbaumgartner", first: 5 }),
  tab(FOLLOW, { id: ID_TO_FILL_IN }),
  tab(SEARCH, { query: "love OR music", first: 5 }),
  tab(NOTIFICATIONS, { first: 10 }),
  tab(TRENDS, { first: 10 }),
  tab(EXPLAIN, { tweetId: ID_TO_FILL_IN }),
  tab(AUDIT, { first: 800 }),
];
