// How the page reaches the server: urql with a normalized cache for queries and mutations, the socket for what is live.
import {
  Client, fetchExchange, mapExchange, subscriptionExchange,
  type AnyVariables, type CombinedError, type TypedDocumentNode,
} from "@urql/core"; // prettier-ignore
import { RenewTokenDocument } from "../generated";
import { freshCache } from "./cache";
import { logOut, replaceToken, session } from "./session";
import { openSocket, type Live } from "./socket";
import { say } from "./toasts";

const RENEW_EVERY = 60 * 60_000; // ms; tokens hold for a day unless an operator has said otherwise
const RUN_OUT = "Your log-in has run out. Please log in again.";

export interface Api {
  readonly client: Client;
  readonly live: Live;
  close(): void;
}

/** A client for whoever is logged in now; a new one is made for the next session. */
export function openApi(): Api {
  const live = openSocket(() => session.get()?.token, () => logOut(RUN_OUT)); // prettier-ignore
  const client = new Client({
    url: "/graphql",
    preferGetMethod: false,
    fetchOptions: () => {
      const token = session.get()?.token;
      return token ? { headers: { authorization: `Bearer ${token}` } } : {};
    },
    exchanges: [
      mapExchange({ onError: (error) => void (isUnauthenticated(error) && session.get() && logOut(RUN_OUT)) }),
      freshCache(),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: live.subscribe(
              { query: query ?? "", variables },
              { next: (result) => sink.next(result as never), error: (error) => sink.error(error), complete: () => sink.complete() },
            ),
          }),
        }),
      }),
    ],
  });
  const timer = setInterval(() => void renew(client), RENEW_EVERY);
  return {
    client,
    live,
    close() {
      clearInterval(timer);
      live.close();
    },
  };
}

async function renew(client: Client): Promise<void> {
  const { data } = await client.mutation(RenewTokenDocument, {}).toPromise();
  if (data?.renewToken.token) replaceToken(data.renewToken.token);
}

interface Payload {
  readonly userErrors: readonly { readonly message: string }[];
}

/**
 * Runs a mutation with one field and returns what it answered. If it fails, in whatever way, the person is told why and
 * the answer is null; what the cache showed in advance is put back by then.
 */
export async function act<Data extends object, Variables extends AnyVariables>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data | null> {
  const { data, error } = await client.mutation(document, variables).toPromise();
  if (error) {
    say(readable(error), "problem");
    return null;
  }
  const payloads = Object.values(data ?? {}).filter((value): value is Payload => typeof value === "object" && value !== null);
  const problem = payloads.flatMap((payload) => payload.userErrors ?? [])[0];
  if (problem) {
    say(`${problem.message}.`, "problem");
    return null;
  }
  return data ?? null;
}

/** `act` with the mutation that turns something on, or with the one that turns it off if it `isOn`. */
export function toggle<On extends object, Off extends object, Variables extends AnyVariables>(
  client: Client,
  isOn: boolean,
  on: TypedDocumentNode<On, Variables>,
  off: TypedDocumentNode<Off, Variables>,
  variables: Variables,
): Promise<On | Off | null> {
  return isOn ? act(client, off, variables) : act(client, on, variables);
}

/** What went wrong, fit to be read by a person. */
export function readable(error: CombinedError): string {
  if (error.graphQLErrors.length) return error.graphQLErrors.map(({ message }) => message).join(" ");
  return "The server does not answer. Nothing was changed; try again in a moment.";
}

function isUnauthenticated(error: CombinedError): boolean {
  return error.graphQLErrors.some(({ extensions }) => extensions["code"] === "UNAUTHENTICATED");
}
