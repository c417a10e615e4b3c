// How GraphiQL reaches the server: queries and mutations by POST, subscriptions by a socket, both at one address.
import { parse } from "graphql";
import { getSession, logOut, onSessionChange } from "./session.js";
import { subscribe } from "./live.js";

export const ENDPOINT = "/graphql";
const ACCEPT = "application/graphql-response+json, application/json;q=0.9";
const INTROSPECTION = "IntrospectionQuery";

/** GraphiQL's fetcher. `onLive` is told of the socket's state, as `subscribe` in live.js says it. */
export function createFetcher(onLive) {
  return (params, options) => {
    const headers = options?.headers ?? {};
    const operation = findOperation(params);
    const request = operation ? { ...params, operationName: operation.name?.value } : params;
    if (operation?.operation !== "subscription") return post(request, headers);
    return {
      subscribe: (sink) =>
        subscribe({
          url: socketUrl(),
          request,
          resumable: declares(operation, "after"),
          authorization: () => authorizationOf(headers),
          onSessionChange: namesAuthorization(headers) ? () => () => {} : onSessionChange,
          onLive,
          sink,
        }),
    };
  };
}

/** POSTs one request and returns its result; what is no GraphQL result becomes one that says so. */
export async function post(request, headers = {}) {
  const sent = new Headers({ accept: ACCEPT, "content-type": "application/json" });
  const session = getSession();
  // The schema is the same for everyone, and a token that has run out must not keep it from being read.
  const authorization = request.operationName === INTROSPECTION ? headerOf(headers) : authorizationOf(headers);
  if (authorization) sent.set("authorization", authorization);
  for (const [name, value] of Object.entries(headers)) sent.set(name, String(value));
  const result = await exchange({ method: "POST", headers: sent, body: JSON.stringify(request) });
  const refused = result.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED");
  if (refused && authorization && !namesAuthorization(headers) && session === getSession()) logOut("Your log-in has run out.");
  return result;
}

async function exchange(init) {
  let response;
  try {
    response = await fetch(ENDPOINT, init);
  } catch {
    return { errors: [{ message: `No answer from ${location.origin}${ENDPOINT}: is the server running?` }] };
  }
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { errors: [{ message: `HTTP ${response.status} ${response.statusText}: ${text.slice(0, 500)}` }] };
  }
}

// The editor tells which operation is current only after a pause in typing or a change of tab, so its word may be stale.
function findOperation({ query, operationName }) {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === "OperationDefinition");
    return operations.length === 1 ? operations[0] : operations.find(({ name }) => name?.value === operationName);
  } catch {
    return undefined; // The server says better what is wrong with a document that cannot be parsed.
  }
}

function declares(operation, variable) {
  return (operation.variableDefinitions ?? []).some((definition) => definition.variable.name.value === variable);
}

function headerOf(headers) {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1];
}

function namesAuthorization(headers) {
  return headerOf(headers) !== undefined;
}

function authorizationOf(headers) {
  const session = getSession();
  return headerOf(headers) ?? (session ? `Bearer ${session.token}` : undefined);
}

function socketUrl() {
  const url = new URL(ENDPOINT, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
