// The home timeline: pages downwards, live entries upwards, and not one of them twice or lost in between.
import type { Client } from "@urql/core";
import { HomeDocument, HomeUpdatesDocument, type HomeUpdatesSubscription } from "../generated";
import { readable } from "./api";
import { store } from "./store";

const PAGE = 20;
const WAITING_MAX = 200; // entries that wait above the timeline; with more, it is fetched afresh

export interface Entry {
  readonly cursor: string;
  readonly tweetId: string;
  readonly retweetedBy: { readonly handle: string; readonly displayName: string } | null;
}

export interface HomeState {
  readonly entries: readonly Entry[];
  /** What has come since, newest first, and is not shown yet. */
  readonly waiting: readonly Entry[];
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly problem: string;
}

type Update = HomeUpdatesSubscription["homeTimelineUpdates"];

export type Home = ReturnType<typeof openHome>;

/** Loads the first page, and listens from exactly the place in the log that it reflects. */
export function openHome(client: Client, viewerId: string) {
  const state = store<HomeState>({ entries: [], waiting: [], hasMore: true, isLoading: false, problem: "" });
  let endCursor: string | null | undefined = null;
  let stream: { unsubscribe(): void } | null = null;
  let loads = 0; // a page that was asked for before the last of them came is out of date
  const change = (part: Partial<HomeState>) => state.set({ ...state.get(), ...part });

  async function fetchPage(after: string | null) {
    change({ isLoading: true, problem: "" });
    const { data, error } = await client
      .query(HomeDocument, { first: PAGE, after }, { requestPolicy: "network-only" })
      .toPromise();
    const page = data?.homeTimeline;
    if (error || !page) change({ isLoading: false, problem: error ? readable(error) : "Nothing came." });
    return page;
  }

  async function load(): Promise<void> {
    const mine = ++loads;
    const page = await fetchPage(null);
    if (!page || mine !== loads) return;
    endCursor = page.pageInfo.endCursor;
    change({ entries: page.edges.map(entryOf), waiting: [], hasMore: page.pageInfo.hasNextPage, isLoading: false });
    stream?.unsubscribe();
    stream = client.subscription(HomeUpdatesDocument, { after: page.liveCursor }).subscribe(({ data }) => {
      if (data) take(data.homeTimelineUpdates);
    });
  }

  async function more(): Promise<void> {
    const { isLoading, hasMore, entries } = state.get();
    if (isLoading || !hasMore) return;
    if (!entries.length) return load();
    const mine = loads;
    const page = await fetchPage(endCursor ?? null);
    if (!page || mine !== loads) return;
    endCursor = page.pageInfo.endCursor;
    const shown = new Set(state.get().entries.map(({ cursor }) => cursor));
    const further = page.edges.map(entryOf).filter(({ cursor }) => !shown.has(cursor));
    change({ entries: [...state.get().entries, ...further], hasMore: page.pageInfo.hasNextPage, isLoading: false });
  }

  function take(update: Update): void {
    const { entries, waiting } = state.get();
    if (update.__typename === "TimelineReset") return void load();
    if (update.__typename === "TimelineTweetRemoved") {
      const stays = ({ cursor }: Entry) => cursor !== update.cursor;
      return change({ entries: entries.filter(stays), waiting: waiting.filter(stays) });
    }
    if (!update.tweet || [...entries, ...waiting].some(({ cursor }) => cursor === update.cursor)) return;
    const entry = entryOf({ cursor: update.cursor, node: update.tweet, retweetedBy: update.retweetedBy });
    // Nobody is asked to unfold what they have just written themselves.
    if (update.tweet.author?.id === viewerId && !update.retweetedBy) change({ entries: [entry, ...entries] });
    else change({ waiting: [entry, ...waiting].slice(0, WAITING_MAX) });
  }

  function showWaiting(): void {
    const { entries, waiting } = state.get();
    if (waiting.length === WAITING_MAX) return void load();
    change({ entries: [...waiting, ...entries], waiting: [] });
  }

  function close(): void {
    loads++;
    stream?.unsubscribe();
  }

  return { state, load, more, showWaiting, close };
}

function entryOf(edge: {
  cursor: string;
  node: { id: string };
  retweetedBy?: { handle: string; displayName: string } | null;
}): Entry {
  return { cursor: edge.cursor, tweetId: edge.node.id, retweetedBy: edge.retweetedBy ?? null };
}
