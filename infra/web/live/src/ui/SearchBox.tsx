// The field to search with, in the margin and on the page of results.
import { go, links, type SearchKind } from "../state/router";
import { Icon } from "./icons";

export function SearchBox({ query = "", kind = "newest", id }: { query?: string; kind?: SearchKind; id: string }) {
  function submit(event: Event) {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget as HTMLFormElement).get("q") ?? "").trim();
    if (text) go(links.search(text, kind));
  }
  return (
    <form role="search" class="search-box" onSubmit={submit} aria-label={id === "search-here" ? "Search" : "Search from anywhere"}>
      <label for={id}>
        <Icon name="search" />
        <span class="unseen">Search</span>
      </label>
      <input key={query} id={id} name="q" type="search" placeholder="Search" defaultValue={query} autocapitalize="none" />
    </form>
  );
}
