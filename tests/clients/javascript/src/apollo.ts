/** Apollo Client: a cached, paged home timeline that new tweets reach live, and a like that shows at once. */
import assert from "node:assert/strict";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { HOME, LIKE, LIVE } from "./documents";
import type { HomeQuery } from "./gql/graphql";
import { authorPosts, httpUrl, say, socketUrl, token, until, WebSocket } from "./stage";

// docs: client
const authorization = `Bearer ${token}`;
const http = new HttpLink({ uri: httpUrl, headers: { authorization } });
const sockets = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization } });
const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    http,
  ),
  cache: new InMemoryCache({
    typePolicies: { Query: { fields: { homeTimeline: relayStylePagination() } } },
  }),
});
// docs: end

// docs: pages
const home = client.watchQuery({ query: HOME, variables: { first: 5 } });
const watching = home.subscribe(() => undefined);
const { data: newest } = await client.query({ query: HOME, variables: { first: 5 } });
await home.fetchMore({ variables: { after: newest?.homeTimeline.pageInfo.endCursor ?? null } });
// docs: end

const edges = () => home.getCurrentResult().data?.homeTimeline?.edges ?? [];
const ids = () => edges().map((edge) => edge?.node?.id);
await until("two pages stand as one list", () => edges().length === 10);
assert.equal(new Set(ids()).size, 10);

type Edge = HomeQuery["homeTimeline"]["edges"][number];
// docs: live
const change = (changed: (edges: Edge[]) => Edge[]) =>
  client.cache.updateQuery({ query: HOME }, (page) =>
    page && { ...page, homeTimeline: { ...page.homeTimeline, edges: changed(page.homeTimeline.edges) } });
const live = client
  .subscribe({ query: LIVE, variables: { after: newest?.homeTimeline.liveCursor ?? null } })
  .subscribe(({ data }) => {
    const event = data?.homeTimelineUpdates;
    if (event?.__typename === "TimelineReset") void home.refetch();
    if (event?.__typename === "TimelineTweetRemoved") {
      change((held) => held.filter((edge) => edge.cursor !== event.cursor));
    }
    if (event?.__typename === "TimelineTweetAdded" && event.tweet) {
      const { cursor, delivery, tweet, retweetedBy } = event;
      change((held) => [{ __typename: "HomeTimelineEdge", cursor, delivery, node: tweet, retweetedBy }, ...held]);
    }
  });
// docs: end
const posted = await authorPosts("to Apollo");
await until("the new tweet stands on top", () => ids()[0] === posted);
assert.equal(edges().length, 11);

// docs: like
const like = (id: string, likeCount: number, context = {}) =>
  client.mutate({
    mutation: LIKE,
    variables: { id },
    context,
    optimisticResponse: {
      likeTweet: {
        __typename: "TweetPayload",
        tweet: { __typename: "Tweet", id, likeCount: likeCount + 1, viewerHasLiked: true },
        userErrors: [],
      },
    },
  });
// docs: end
const top = () => edges()[0]?.node;
const refused = like(posted, 0, { headers: { authorization: "Bearer of nothing" } });
assert.equal(top()?.viewerHasLiked, true, "a like shows before its answer");
await assert.rejects(refused);
assert.equal(top()?.viewerHasLiked, false, "a like that was refused is taken back");
await like(posted, 0);
assert.deepEqual([top()?.viewerHasLiked, top()?.likeCount], [true, 1]);

live.unsubscribe();
watching.unsubscribe();
client.stop();
await sockets.dispose();
say({ entries: edges().length });
