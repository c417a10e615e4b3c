// How many notifications are unread, kept exact by asking whenever one comes, and one at a time.
import type { Client } from "@urql/core";
import { NotificationAddedDocument, UnreadDocument } from "../generated";
import { store } from "./store";

export type Unread = ReturnType<typeof openUnread>;

export function openUnread(client: Client) {
  const count = store(0);
  /** Grows by one whenever the list of notifications has changed. */
  const changes = store(0);
  let stream: { unsubscribe(): void } | null = null;
  let isAsking = false;
  let isStale = false;
  let isClosed = false;

  async function refresh(): Promise<string | null> {
    isStale = true;
    if (isAsking) return null;
    isAsking = true;
    let place: string | null = null;
    while (isStale && !isClosed) {
      isStale = false;
      const { data } = await client.query(UnreadDocument, {}, { requestPolicy: "network-only" }).toPromise();
      if (data) count.set(data.notifications.unreadCount);
      place = data?.notifications.liveCursor ?? place;
    }
    isAsking = false;
    return place;
  }

  async function start(): Promise<void> {
    const after = await refresh();
    if (isClosed) return;
    stream = client.subscription(NotificationAddedDocument, { after }).subscribe(({ data }) => {
      if (!data) return;
      changes.set(changes.get() + 1);
      void refresh();
    });
  }

  function close(): void {
    isClosed = true;
    stream?.unsubscribe();
  }

  return { count, changes, refresh, start, close };
}
