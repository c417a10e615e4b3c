// The log-in form of the top bar, and who is signed in once it has been used.
import { useState, useSyncExternalStore } from "react";
import { post } from "./fetcher.js";
import { getNotice, getSession, logIn, logOut, onSessionChange } from "./session.js";

export function LogIn() {
  const session = useSyncExternalStore(onSessionChange, getSession);
  const notice = useSyncExternalStore(onSessionChange, getNotice);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const { handle, password } = Object.fromEntries(new FormData(form));
    setBusy(true);
    setFailure("");
    try {
      await logIn(post, handle.trim().replace(/^@/, ""), password);
    } catch (error) {
      setFailure(error.message);
    } finally {
      setBusy(false);
    }
  }

  const state = session ? `signed in as @${session.handle}` : failure || notice || "not signed in";
  return (
    <div className="roost-login">
      <span id="login-state" role="status" className={failure && !session ? "roost-failure" : undefined}>
        {state}
      </span>
      {session ? (
        <button id="logout" type="button" onClick={() => logOut()}>
          Log out
        </button>
      ) : (
        <form aria-label="Log in" onSubmit={submit}>
          <label htmlFor="login-handle">Handle</label>
          <input id="login-handle" name="handle" autoComplete="username" autoCapitalize="none" spellCheck="false" required />
          <label htmlFor="login-password">Password</label>
          <input id="login-password" name="password" type="password" autoComplete="current-password" required />
          <button id="login-submit" type="submit" disabled={busy}>
            Log in
          </button>
        </form>
      )}
    </div>
  );
}
