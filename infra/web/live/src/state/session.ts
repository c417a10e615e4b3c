// Who is logged in, in this browser tab: a bearer token and a name, kept until the tab is closed.
import { store } from "./store";

export interface Session {
  readonly token: string;
  readonly id: string;
  readonly handle: string;
  readonly displayName: string;
}

const KEY = "roost:live";

export const session = store<Session | null>(stored());

/** Why the last session ended, if the person did not end it; else empty. */
export const notice = store("");

/** Begins a session, or goes on with a newer token. */
export function logIn(next: Session): void {
  notice.set("");
  keep(next);
  session.set(next);
}

/** Forgets the token. The server keeps no session, so there is nothing to tell it. */
export function logOut(why = ""): void {
  notice.set(why);
  keep(null);
  session.set(null);
}

/** Another token for whoever is logged in. The session stays the same: nothing is loaded anew. */
export function replaceToken(token: string): void {
  const now = session.get();
  if (now) {
    Object.assign(now, { token });
    keep(now);
  }
}

function keep(next: Session | null): void {
  try {
    if (next) sessionStorage.setItem(KEY, JSON.stringify(next));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage may be blocked: the session then ends with the page.
  }
}

function stored(): Session | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Session | null;
    return found?.token ? found : null;
  } catch {
    return null;
  }
}
