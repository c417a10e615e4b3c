// What trends now, followed once for the whole page; null where the server has none to tell.
import type { Client } from "@urql/core";
import { TrendsDocument, type TrendsSubscription } from "../generated";
import { store } from "./store";

const SHOWN = 8;

export type Trends = ReturnType<typeof openTrends>;

export function openTrends(client: Client) {
  const shown = store<TrendsSubscription["trendsUpdated"] | null>(null);
  const stream = client
    .subscription(TrendsDocument, { first: SHOWN })
    .subscribe(({ data, error }) => shown.set(error ? null : (data?.trendsUpdated ?? null)));
  return { shown, close: () => stream.unsubscribe() };
}
