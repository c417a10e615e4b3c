// Searching: tweets by newest or by relevance, and people.
import { SearchPeopleDocument, SearchTweetsDocument, type SearchOrder } from "../generated";
import { links, type Route } from "../state/router";
import { Card } from "../ui/Card";
import { More, usePages } from "../ui/pages";
import { Person } from "../ui/Person";
import { SearchBox } from "../ui/SearchBox";
import { Empty, Heading } from "../ui/small";
import { Tabs } from "../ui/Tabs";
import { Trends } from "../ui/Trends";

export function SearchView({ query, kind }: Extract<Route, { view: "search" }>) {
  const tabs = ([["newest", "Newest"], ["relevant", "Relevant"], ["people", "People"]] as const).map(([each, name]) => ({
    href: links.search(query, each),
    name,
    isHere: each === kind,
  })); // prettier-ignore
  return (
    <>
      <Heading>Search</Heading>
      <SearchBox query={query} kind={kind} id="search-here" />
      <Tabs label="What is searched" tabs={tabs} />
      {!query && <Hints />}
      {!query && <Trends />}
      {query && kind === "people" && <People query={query} />}
      {query && kind !== "people" && <Tweets query={query} order={kind === "relevant" ? "RELEVANCE" : "NEWEST"} />}
    </>
  );
}

function Tweets({ query, order }: { query: string; order: SearchOrder }) {
  const pages = usePages(SearchTweetsDocument, { query, order }, ({ search }) => search);
  return (
    <>
      {pages.nodes.map((node) => (node.__typename === "Tweet" ? <Card key={node.id} id={node.id} /> : null))}
      {!pages.nodes.length && !pages.hasMore && <Empty>Nothing was found.</Empty>}
      <More {...pages} />
    </>
  );
}

function People({ query }: { query: string }) {
  const pages = usePages(SearchPeopleDocument, { query }, ({ search }) => search);
  return (
    <>
      {pages.nodes.map((node) => (node.__typename === "User" ? <Person key={node.id} user={node} /> : null))}
      {!pages.nodes.length && !pages.hasMore && <Empty>Nobody was found.</Empty>}
      <More {...pages} />
    </>
  );
}

function Hints() {
  const hints = [
    ["\"good morning\"", "these words together"], ["#hashtag @mention", "both of them"], ["from:handle", "by one author"],
    ["coffee OR tea", "either"], ["coffee -tea", "one without the other"], ["since:2026-01-01", "not before that day"],
  ]; // prettier-ignore
  return (
    <dl class="hints">
      {hints.map(([what, means]) => (
        <div key={what}>
          <dt>
            <code>{what}</code>
          </dt>
          <dd>{means}</dd>
        </div>
      ))}
    </dl>
  );
}
