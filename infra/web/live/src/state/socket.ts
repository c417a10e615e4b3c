// All live streams share one socket (graphql-transport-ws). After a lost connection each goes on where it stopped.
import { createClient, type Client, type SubscribePayload } from "graphql-ws";
import { store, type Store } from "./store";

export type LiveState = "connecting" | "live" | "reconnecting" | "ended";

const LONGEST_WAIT = 5_000; // ms between two tries
const PING_EVERY = 12_000; // ms; a socket that died unseen, as in sleep, is found by the answer that does not come
const PONG_WITHIN = 4_000; // ms
const SLEPT = 20_000; // ms by which a clock has jumped when the machine has slept
const TOKEN_REFUSED = [4401, 4403];

export interface Live {
  readonly state: Store<LiveState>;
  /** Starts one stream; call what it returns to end it. */
  subscribe(request: SubscribePayload, sink: Parameters<Client["subscribe"]>[1]): () => void;
  close(): void;
}

/** A socket that is opened with the first stream. `onRefused` is called if the server refuses the token. */
export function openSocket(token: () => string | undefined, onRefused: () => void): Live {
  const state = store<LiveState>("connecting");
  let pong: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: () => location.origin.replace(/^http/, "ws") + "/graphql",
    connectionParams: () => ({ authorization: `Bearer ${token() ?? ""}` }),
    keepAlive: PING_EVERY,
    retryAttempts: Infinity,
    retryWait: (tries) => waited(Math.min(LONGEST_WAIT, 250 * 2 ** tries) * (0.5 + Math.random())),
    shouldRetry: (event) => !TOKEN_REFUSED.includes((event as CloseEvent).code),
    on: {
      connecting: (again) => state.set(again ? "reconnecting" : "connecting"),
      connected: () => state.set("live"),
      ping: (received) => {
        if (!received) pong = setTimeout(() => client.terminate(), PONG_WITHIN);
      },
      pong: (received) => received && clearTimeout(pong),
      closed: (event) => {
        clearTimeout(pong);
        if (TOKEN_REFUSED.includes((event as CloseEvent).code)) {
          state.set("ended");
          onRefused();
        } else if (state.get() !== "ended") state.set("reconnecting");
      },
    },
  });
  const stopWatching = onAwake(() => client.terminate());
  return {
    state,
    subscribe: (request, sink) => client.subscribe(resuming(request, sink), sink),
    close() {
      stopWatching();
      state.set("ended");
      void client.dispose();
    },
  };
}

/** The same request, which asks for what came after the last `liveCursor` whenever it is sent again. */
function resuming(request: SubscribePayload, sink: Parameters<Client["subscribe"]>[1]): SubscribePayload {
  const payload = { ...request, variables: { ...request.variables } };
  const next = sink.next.bind(sink);
  sink.next = (result) => {
    const seen = Object.values((result.data ?? {}) as Record<string, { liveCursor?: string } | null>);
    const place = seen.find((value) => value?.liveCursor)?.liveCursor;
    // The client reads the payload each time it sends it, so this is where the next connection goes on.
    if (place) payload.variables["after"] = place;
    next(result);
  };
  return payload;
}

/** Calls `listener` when the machine wakes from sleep, or is on a network again. */
function onAwake(listener: () => void): () => void {
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > SLEPT + 5_000) listener();
    last = now;
  }, 5_000);
  window.addEventListener("online", listener);
  return () => {
    clearInterval(timer);
    window.removeEventListener("online", listener);
  };
}

function waited(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
  });
}
