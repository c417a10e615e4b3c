/** graphql-sse: a live timeline that goes on where it was, whatever becomes of the server or the connection. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-sse";
import type { LiveSubscription } from "./gql/graphql";
import { authorization, liveCursor, QUERY, show } from "./resuming";
import { httpUrl } from "./stage";

// docs: resume
let after = await liveCursor(); // of the page on screen; from then on, of the last event seen
const client = createClient({
  url: httpUrl,
  headers: { authorization },
  retryAttempts: 0, // graphql-sse would begin again where it first began; we begin where we are
});
for (;;) {
  try {
    for await (const { data } of client.iterate<LiveSubscription>({ query: QUERY, variables: { after } })) {
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
