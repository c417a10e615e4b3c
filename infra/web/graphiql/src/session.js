// Who is logged in, in this browser tab: a bearer token and a handle, kept until the tab is closed.

const KEY = "roost:session";
const LOG_IN = `mutation LogIn($input: LogInInput!) {
  logIn(input: $input) { token viewer { handle } userErrors { message } }
}`;

const listeners = new Set();
let current = read();
let notice = "";

/** The session now: `{token, handle}`, or null. The same object until it changes. */
export function getSession() {
  return current;
}

/** Why the last session ended, if the person did not end it; else empty. */
export function getNotice() {
  return notice;
}

/** Calls `listener` after each change; returns what ends that. */
export function onSessionChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Logs in at `post` (a function from a GraphQL request to its result); throws an Error fit to be read by a person. */
export async function logIn(post, handle, password) {
  const { data, errors } = await post({ query: LOG_IN, operationName: "LogIn", variables: { input: { handle, password } } });
  const answer = data?.logIn;
  if (!answer?.token) {
    const messages = [...(answer?.userErrors ?? []), ...(errors ?? [])].map(({ message }) => message);
    throw new Error(messages.join(" ") || "The server gave no token.");
  }
  change({ token: answer.token, handle: answer.viewer?.handle ?? handle });
}

/** Forgets the token. The server keeps no session, so there is nothing to tell it. */
export function logOut(why = "") {
  change(null, why);
}

function change(session, why = "") {
  current = session;
  notice = why;
  try {
    if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage may be blocked: the session then ends with the page.
  }
  for (const listener of listeners) listener();
}

function read() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(KEY));
    return stored?.token ? stored : null;
  } catch {
    return null;
  }
}
