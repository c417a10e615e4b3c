/** Relay in React: a refetchable, paged connection that a subscription prepends to, and an optimistic like. */
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import { JSDOM } from "jsdom";
import { Suspense, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import {
  graphql, RelayEnvironmentProvider, useLazyLoadQuery, useMutation, usePaginationFragment, useSubscription,
} from "react-relay";
import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import type { GraphQLResponse } from "relay-runtime";
import type { relayLike } from "./__generated__/relayLike.graphql";
import type { relayPage$key } from "./__generated__/relayPage.graphql";
import type { relayQuery } from "./__generated__/relayQuery.graphql";
import { authorPosts, httpUrl, say, socketUrl, token, until, WebSocket } from "./stage";

// docs: environment
const authorization = `Bearer ${token}`;
const sockets = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization } });
const environment = new Environment({
  network: Network.create(
    async ({ text }, variables) => {
      const response = await fetch(httpUrl, {
        method: "POST",
        headers: { "content-type": "application/json", authorization },
        body: JSON.stringify({ query: text, variables }),
      });
      return (await response.json()) as GraphQLResponse;
    },
    ({ text }, variables) =>
      Observable.create((sink) =>
        sockets.subscribe({ query: text ?? "", variables }, {
          next: (value) => sink.next(value as GraphQLResponse),
          error: (error) => sink.error(error as Error),
          complete: () => sink.complete(),
        }),
      ),
  ),
  store: new Store(new RecordSource()),
});
// docs: end

// docs: page
function Page({ of }: { of: relayPage$key }) {
  const { data, loadNext, hasNext } = usePaginationFragment(
    graphql`
      fragment relayPage on Query
      @refetchable(queryName: "relayNextPage")
      @argumentDefinitions(first: { type: "Int", defaultValue: 5 }, after: { type: "String" }) {
        homeTimeline(first: $first, after: $after) @connection(key: "Home_homeTimeline") {
          __id
          edges { node { id text viewerHasLiked likeCount } }
          liveCursor
        }
      }
    `,
    of,
  );
  const { __id: connection, edges, liveCursor } = data.homeTimeline;
  const [after] = useState(liveCursor);
  useSubscription(
    useMemo(
      () => ({
        subscription: graphql`
          subscription relayLiveSubscription($after: String, $connections: [ID!]!) {
            homeTimelineUpdates(after: $after) {
              ... on TimelineTweetAdded {
                tweet @prependNode(connections: $connections, edgeTypeName: "HomeTimelineEdge") {
                  id text viewerHasLiked likeCount
                }
              }
              ... on TimelineTweetRemoved { tweetId @deleteEdge(connections: $connections) }
            }
          }
        `,
        variables: { after, connections: [connection] },
      }),
      [after, connection],
    ),
  );
  const [like] = useMutation<relayLike>(graphql`
    mutation relayLike($id: ID!) {
      likeTweet(id: $id) { tweet { id likeCount viewerHasLiked } userErrors { code message } }
    }
  `);
  const liked = (id: string, count: number) =>
    like({
      variables: { id },
      optimisticResponse: { likeTweet: { tweet: { id, likeCount: count + 1, viewerHasLiked: true }, userErrors: [] } },
    });
  return (
    <>
      {edges.map(({ node }) => (
        <article key={node.id} id={node.id} className={node.viewerHasLiked ? "liked" : ""}>
          {node.text} <button onClick={() => liked(node.id, node.likeCount)}>{node.likeCount}</button>
        </article>
      ))}
      {hasNext && <button id="more" onClick={() => loadNext(5)}>More</button>}
    </>
  );
}

function Home() {
  return <Page of={useLazyLoadQuery<relayQuery>(graphql`query relayQuery { ...relayPage }`, {})} />;
}
// docs: end

const { window } = new JSDOM("<main></main>");
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: false });
const main = window.document.querySelector("main");
assert.ok(main);
const root = createRoot(main);
root.render(
  <RelayEnvironmentProvider environment={environment}>
    <Suspense fallback="…">
      <Home />
    </Suspense>
  </RelayEnvironmentProvider>,
);
const articles = () => [...main.querySelectorAll("article")];
const click = (button: Element | null | undefined) =>
  button?.dispatchEvent(new window.MouseEvent("click", { bubbles: true }));
await until("the first page shows", () => articles().length === 5);
click(main.querySelector("#more"));
await until("the next page shows below it", () => articles().length === 10);
const posted = await authorPosts("to Relay");
await until("the new tweet shows on top", () => articles()[0]?.id === posted);
assert.equal(articles().length, 11);
click(articles()[0]?.querySelector("button"));
await until("the like shows", () => articles()[0]?.className === "liked");
await until("the like counts", () => articles()[0]?.querySelector("button")?.textContent === "1");
root.unmount();
await sockets.dispose();
say({ entries: 11 });
process.exit(0);
