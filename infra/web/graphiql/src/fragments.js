// What the documents of the opening tabs share.

export const AUTHOR_FIELDS = `fragment AuthorFields on User {
  id
  handle
  displayName
  avatarUrl
}`;

export const TWEET_FIELDS = `fragment TweetFields on Tweet {
  id
  text
  createdAt
  likeCount
  retweetCount
  replyCount
  quoteCount
  viewerHasLiked
  viewerHasRetweeted
  author {
    ...AuthorFields
  }
  media {
    id
    kind
    url
    width
    height
    altText
  }
}

${AUTHOR_FIELDS}`;

export const PAGE_FIELDS = `fragment PageFields on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`;
