/** Apollo Client with automatic persisted queries: a document's text is sent once, and never again by anybody. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { HOME } from "./documents";
import { httpUrl, say, token } from "./stage";

// docs: client
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const clientOf = (fetcher: typeof fetch) =>
  new ApolloClient({
    link: new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(
      new HttpLink({ uri: httpUrl, headers: { authorization: `Bearer ${token}` }, fetch: fetcher }),
    ),
    cache: new InMemoryCache(),
  });
// docs: end

const sent: string[] = [];
const watched: typeof fetch = async (url, init) => {
  const hasText = typeof init?.body === "string" && "query" in (JSON.parse(init.body) as object);
  sent.push(`${init?.method ?? "GET"} ${hasText ? "text" : "hash"}`);
  return fetch(url, init);
};

for (const _ of ["the first to ask", "somebody else"]) {
  const client = clientOf(watched);
  const { data } = await client.query({ query: HOME, variables: { first: 5 } });
  assert.equal(data?.homeTimeline.edges.length, 5);
  client.stop();
}
say({ sent });
