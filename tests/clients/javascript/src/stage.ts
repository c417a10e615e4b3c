/** Where an application runs: the server, who looks, and who writes meanwhile. The tests give all of it. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

function given(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not given`);
  return value;
}

export const httpUrl = `${given("APP_URL")}/graphql`;
export const socketUrl = httpUrl.replace(/^http/, "ws");
/** The viewer's bearer token; a real application keeps what `logIn` answered. */
export const token = given("APP_TOKEN");
export { WebSocket };

/** Post as an author whom the viewer follows, and return the tweet's id. */
export async function authorPosts(text: string): Promise<string> {
  const response = await fetch(httpUrl, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${given("APP_AUTHOR_TOKEN")}` },
    body: JSON.stringify({
      query: "mutation ($text: String!) { postTweet(input: { text: $text }) { tweet { id } } }",
      variables: { text },
    }),
  });
  const answer = (await response.json()) as { data: { postTweet: { tweet: { id: string } } } };
  return answer.data.postTweet.tweet.id;
}

/** Wait until `holds`, for ten seconds at most. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await sleep(10)) {
    assert.ok(Date.now() < end, `not within 10 s: ${what}`);
  }
}

/** Say something to the test that runs this, as one line of JSON. */
export function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
