/** What an application that only follows has around its loop. */
import { print } from "graphql";
import { LIVE } from "./documents";
import type { LiveSubscription } from "./gql/graphql";
import { httpUrl, say, token } from "./stage";

export const QUERY = print(LIVE);
export const authorization = `Bearer ${token}`;

/** Fetch a page, and return the place in the log that it reflects. */
export async function liveCursor(): Promise<string> {
  const response = await fetch(httpUrl, {
    method: "POST",
    headers: { "content-type": "application/json", authorization },
    body: JSON.stringify({ query: "{ homeTimeline { liveCursor } }" }),
  });
  const page = (await response.json()) as { data: { homeTimeline: { liveCursor: string } } };
  say({ following: true });
  return page.data.homeTimeline.liveCursor;
}

export function show(event: LiveSubscription["homeTimelineUpdates"]): void {
  say(event.__typename === "TimelineTweetAdded" ? { text: event.tweet?.text } : { told: event.__typename });
}
