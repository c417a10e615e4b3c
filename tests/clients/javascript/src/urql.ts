/** urql with its normalised cache: pages in one list, live arrival, and a like that shows at once. */
import assert from "node:assert/strict";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { createClient } from "graphql-ws";
import { HOME, LIKE, LIVE } from "./documents";
import type { HomeQuery, LiveSubscription } from "./gql/graphql";
import { authorPosts, httpUrl, say, socketUrl, token, until, WebSocket } from "./stage";

// docs: client
const authorization = `Bearer ${token}`;
const sockets = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization } });
const cache = cacheExchange({
  keys: { HomeTimelineEdge: (edge) => String(edge["cursor"]) },
  resolvers: { Query: { homeTimeline: relayPagination({ mergeMode: "outwards" }) } },
  optimistic: {
    likeTweet: ({ id }) => ({
      __typename: "TweetPayload",
      tweet: { __typename: "Tweet", id: String(id), viewerHasLiked: true, likeCount: 1 },
      userErrors: [],
    }),
  },
  updates: {
    Subscription: {
      homeTimelineUpdates: ({ homeTimelineUpdates: event }: LiveSubscription, _, store) => {
        store.updateQuery({ query: HOME, variables: { first: 5 } }, (data) => {
          if (!data) return data;
          let { edges } = data.homeTimeline;
          if (event.__typename === "TimelineTweetRemoved") {
            edges = edges.filter((edge) => edge.cursor !== event.cursor);
          } else if (event.__typename === "TimelineTweetAdded" && event.tweet) {
            const { cursor, delivery, tweet, retweetedBy } = event;
            edges = [{ __typename: "HomeTimelineEdge", cursor, delivery, node: tweet, retweetedBy }, ...edges];
          }
          return { ...data, homeTimeline: { ...data.homeTimeline, edges } };
        });
      },
    },
  },
});
const client = new Client({
  url: httpUrl,
  preferGetMethod: false,
  fetchOptions: { headers: { authorization } },
  exchanges: [
    cache,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: sockets.subscribe({ query: query ?? "", variables: variables as Record<string, unknown> }, sink),
        }),
      }),
    }),
  ],
});
// docs: end

// docs: pages
let page: HomeQuery["homeTimeline"] | undefined;
const watching = client.query(HOME, { first: 5 }).subscribe(({ data }) => {
  page = data?.homeTimeline ?? page;
});
// docs: end
const ids = () => page?.edges.map((edge) => edge.node.id) ?? [];
await until("the first page is there", () => ids().length === 5);
const liveCursor = page?.liveCursor ?? null;
await client.query(HOME, { first: 5, after: page?.pageInfo.endCursor ?? null }).toPromise();
await until("two pages stand as one list", () => ids().length === 10);
assert.equal(new Set(ids()).size, 10);

// docs: live
const live = client.subscription(LIVE, { after: liveCursor }).subscribe(({ data }) => {
  if (data?.homeTimelineUpdates.__typename === "TimelineReset") {
    client.query(HOME, { first: 5 }, { requestPolicy: "network-only" }).toPromise();
  }
});
// docs: end
const posted = await authorPosts("to urql");
await until("the new tweet stands on top", () => ids()[0] === posted);
assert.equal(ids().length, 11);

const top = () => page?.edges[0]?.node;
const liking = client.mutation(LIKE, { id: posted }).toPromise();
await until("the like shows", () => top()?.viewerHasLiked === true);
const { data: answer, error } = await liking;
assert.equal(error, undefined);
assert.equal(answer?.likeTweet.tweet?.likeCount, 1);
assert.equal(top()?.viewerHasLiked, true);

live.unsubscribe();
watching.unsubscribe();
await sockets.dispose();
say({ entries: ids().length });
