// Where in the page one is. It stands behind the # of the address, so that the server needs to know but one address.
import { store } from "./store";

export type Route =
  | { readonly view: "home" }
  | { readonly view: "tweet"; readonly id: string }
  | { readonly view: "profile"; readonly handle: string; readonly list: "tweets" | "followers" | "following" }
  | { readonly view: "search"; readonly query: string; readonly kind: SearchKind }
  | { readonly view: "notifications" };

export type SearchKind = "newest" | "relevant" | "people";

export const route = store<Route>(parsed(location.hash));

export const links = {
  home: "#/",
  notifications: "#/notifications",
  tweet: (id: string) => `#/tweet/${encodeURIComponent(id)}`,
  profile: (handle: string, list = "") => `#/@${encodeURIComponent(handle)}${list && `/${list}`}`,
  search: (query: string, kind: SearchKind = "newest") => `#/search?${new URLSearchParams({ q: query, by: kind })}`,
};

/** Goes to one of `links`. */
export function go(link: string): void {
  location.hash = link;
}

window.addEventListener("hashchange", () => route.set(parsed(location.hash)));

function parsed(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first = "", second = ""] = path.split("/").map(decoded);
  if (first.startsWith("@")) {
    return { view: "profile", handle: first.slice(1), list: second === "followers" || second === "following" ? second : "tweets" };
  }
  if (first === "tweet" && second) return { view: "tweet", id: second };
  if (first === "notifications") return { view: "notifications" };
  if (first === "search") {
    const given = new URLSearchParams(query);
    const by = given.get("by");
    return { view: "search", query: given.get("q") ?? "", kind: by === "relevant" || by === "people" ? by : "newest" };
  }
  return { view: "home" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
