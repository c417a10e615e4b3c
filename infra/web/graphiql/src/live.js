// One subscription over its own socket (graphql-transport-ws), which goes on after a lost connection where it stopped.
import { createClient } from "graphql-ws";

const RETRIES = 30;
const LONGEST_WAIT = 5000; // ms between two tries
const TOKEN_REFUSED = [4401, 4403];

/**
 * Starts `request` and feeds `sink` (`next`, `error`, `complete`); returns `{unsubscribe}`.
 *
 * After a lost connection it is sent again; if `resumable`, with `$after` set to the last `liveCursor` seen, so that
 * nothing is missed. When the session changes it starts anew, as the new viewer and from the first place asked for.
 * `onLive` is called with "connecting", "connected" or "reconnecting", and with null at the end.
 */
export function subscribe({ url, request, resumable, authorization, onSessionChange, onLive, sink }) {
  let stop = start();
  const stopListening = onSessionChange(() => {
    stop();
    stop = start();
  });

  function start() {
    let open = true;
    const end = (tell) => (value) => {
      if (!open) return;
      open = false;
      stopListening();
      onLive(null);
      tell(value);
    };
    const payload = { ...request, variables: { ...request.variables } };
    const client = createClient({
      url,
      lazy: true,
      connectionParams: () => ({ authorization: authorization() }),
      retryAttempts: RETRIES,
      retryWait: (tries) => wait(Math.min(LONGEST_WAIT, 250 * 2 ** tries) * (0.5 + Math.random())),
      shouldRetry: (event) => !TOKEN_REFUSED.includes(event?.code),
      on: {
        connecting: (retrying) => open && onLive(retrying ? "reconnecting" : "connecting"),
        connected: () => open && onLive("connected"),
        closed: () => open && onLive("reconnecting"),
      },
    });
    const dispose = client.subscribe(payload, {
      next(result) {
        if (!open) return;
        const liveCursor = resumable && liveCursorOf(result);
        // The client reads the payload again each time it sends it, so this is where the next connection goes on.
        if (liveCursor) payload.variables.after = liveCursor;
        sink.next(result);
      },
      error: end((error) => sink.error(readable(error))),
      complete: end(() => sink.complete()),
    });
    return () => {
      open = false;
      dispose();
    };
  }

  return {
    unsubscribe() {
      stopListening();
      stop();
      onLive(null);
    },
  };
}

function liveCursorOf({ data }) {
  return Object.values(data ?? {}).find((value) => value?.liveCursor)?.liveCursor;
}

// GraphiQL prints every member of an Error, its stack too; a plain object shows only what a person can use.
function readable(error) {
  if (Array.isArray(error)) return error;
  if (typeof error?.code === "number") return { message: `The socket was closed: ${error.code} ${error.reason}`.trim() };
  return { message: error?.message ?? "The socket failed." };
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
