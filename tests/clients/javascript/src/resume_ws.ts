/** graphql-ws: a live timeline that goes on where it was, whatever becomes of the server or the connection. */
import { setTimeout as sleep } from "node:timers/promises";
import { print } from "graphql";
import { createClient } from "graphql-ws";
import type { SocketLiveSubscription } from "./gql/graphql";
import { graphql } from "./gql";
import { httpUrl, say, socketUrl, token, WebSocket } from "./stage";

const LIVE = print(graphql(`
  subscription SocketLive($after: String) {
    homeTimelineUpdates(after: $after) {
      __typename
      ... on TimelineTweetAdded { liveCursor tweet { id text } }
      ... on TimelineTweetRemoved { liveCursor tweetId }
      ... on TimelineReset { liveCursor reason }
    }
  }
`));

const authorization = `Bearer ${token}`;
const first = await fetch(httpUrl, {
  method: "POST",
  headers: { "content-type": "application/json", authorization },
  body: JSON.stringify({ query: "{ homeTimeline { liveCursor } }" }),
});
const page = (await first.json()) as { data: { homeTimeline: { liveCursor: string } } };
say({ following: true });

// docs: resume
let after = page.data.homeTimeline.liveCursor; // of the page on screen; from then on, of the last event seen
const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0, // graphql-ws would begin again where it first began; we begin where we are
});
for (;;) {
  try {
    for await (const { data } of client.iterate<SocketLiveSubscription>({ query: LIVE, variables: { after } })) {
      const event = data?.homeTimelineUpdates;
      if (!event) continue;
      after = event.liveCursor;
      show(event);
    }
  } catch {
    // The connection is gone: nothing is lost, since the next one says what it saw last.
  }
  await sleep(200 + 300 * Math.random());
}
// docs: end

type Event = SocketLiveSubscription["homeTimelineUpdates"];
function show(event: Event): void {
  say(event.__typename === "TimelineTweetAdded" ? { text: event.tweet?.text } : { told: event.__typename });
}
