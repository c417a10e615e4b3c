// What GraphiQL remembers from one visit to the next, in this browser: tabs and history, but no one's token.
import { OPENING_TABS } from "./tabs.js";

const PREFIX = "graphiql:";
const HISTORY_KEYS = [`${PREFIX}queries`, `${PREFIX}favorites`];

/** A storage for GraphiQL's `storage` prop; null, for which it remembers nothing, where the browser allows none. */
export function openStorage() {
  let store;
  try {
    store = window.localStorage;
    seedFirstTab(store);
  } catch {
    return null;
  }
  const keys = () => Object.keys(store).filter((key) => key.startsWith(PREFIX));
  return {
    getItem: (key) => store.getItem(key),
    setItem: (key, value) => store.setItem(key, HISTORY_KEYS.includes(key) ? withoutHeaders(value) : value),
    removeItem: (key) => store.removeItem(key),
    clear: () => keys().forEach((key) => store.removeItem(key)),
    get length() {
      return keys().length;
    },
  };
}

// GraphiQL shows the variables of the first tab only if it finds them where it keeps those of the last visit.
function seedFirstTab(store) {
  if (store.getItem(`${PREFIX}tabState`)) return;
  store.setItem(`${PREFIX}query`, OPENING_TABS[0].query);
  store.setItem(`${PREFIX}variables`, OPENING_TABS[0].variables);
}

// The history would keep the headers of each request, a bearer token among them, for as long as the profile lasts.
function withoutHeaders(history) {
  return JSON.stringify(JSON.parse(history), (key, value) => (key === "headers" ? undefined : value));
}
