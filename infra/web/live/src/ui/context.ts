// What every part of a logged-in page may need, handed down once.
import type { Client } from "@urql/core";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { CardFragment } from "../generated";
import type { Home } from "../state/home";
import type { Session } from "../state/session";
import type { Live } from "../state/socket";
import { store } from "../state/store";
import type { Trends } from "../state/trends";
import type { Unread } from "../state/unread";

export interface Roost {
  readonly viewer: Session;
  readonly client: Client;
  readonly live: Live;
  readonly home: Home;
  readonly unread: Unread;
  readonly trends: Trends;
}

export const RoostContext = createContext<Roost | null>(null);

export function useRoost(): Roost {
  const roost = useContext(RoostContext);
  if (!roost) throw new Error("Nobody is logged in here.");
  return roost;
}

export type Asked =
  | { readonly kind: "post" }
  | { readonly kind: "reply" | "quote" | "why" | "delete"; readonly tweet: CardFragment };

/** The one dialog that is open, if any. */
export const asked = store<Asked | null>(null);

/** Tweets that were deleted here: they are not shown any longer, wherever they stand. */
export const deleted = store<ReadonlySet<string>>(new Set());

/** The reply that was posted last, for the conversation that it belongs to. */
export const replied = store<{ readonly to: string; readonly id: string } | null>(null);
