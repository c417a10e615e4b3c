// Lists that go on as one scrolls, each entry by its key.
import type { AnyVariables, Client, TypedDocumentNode } from "@urql/core";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { readable } from "../state/api";
import { useRoost } from "./context";

const PAGE = 20;
const AHEAD = "900px"; // below the window's edge, from where on the next page is fetched

interface Connection<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor?: string | null };
}

export interface Pages<Node> {
  readonly nodes: readonly Node[];
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly problem: string;
  more(): void;
  reload(): void;
}

interface PagesState<Node> extends Pick<Pages<Node>, "nodes" | "hasMore" | "isLoading" | "problem"> {
  readonly after: string | null;
}

/**
 * The pages of one connection so far. `asked` says by its text when another list is meant; `pick` finds the connection
 * in an answer. What comes is in the cache as well, where the cards read it.
 */
export function usePages<Data, Node, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Omit<Variables, "first" | "after">,
  pick: (data: Data) => Connection<Node> | null | undefined,
): Pages<Node> {
  const { client } = useRoost();
  const asked = JSON.stringify(variables);
  const empty: PagesState<Node> = { nodes: [], hasMore: true, isLoading: false, problem: "", after: null };
  const [state, setState] = useState(empty);
  const latest = useRef({ run: 0, isBusy: false });

  const load = useCallback(
    async (before: PagesState<Node>) => {
      const run = ++latest.current.run;
      latest.current.isBusy = true;
      setState({ ...before, isLoading: true, problem: "" });
      const next = await fetched(client, document, { ...JSON.parse(asked), first: PAGE, after: before.after }, pick, before);
      if (run !== latest.current.run) return;
      latest.current.isBusy = false;
      setState(next);
    },
    [client, document, asked],
  );
  const reload = useCallback(() => void load(empty), [load]);
  useEffect(() => {
    reload();
    return () => void latest.current.run++;
  }, [reload]);
  const more = () => {
    if (!latest.current.isBusy && state.hasMore) void load(state);
  };
  return { ...state, more, reload };
}

async function fetched<Data, Node, Variables extends AnyVariables>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pick: (data: Data) => Connection<Node> | null | undefined,
  before: PagesState<Node>,
): Promise<PagesState<Node>> {
  const { data, error } = await client.query(document, variables, { requestPolicy: "network-only" }).toPromise();
  if (error) return { ...before, isLoading: false, problem: readable(error) };
  const page = data && pick(data);
  return {
    nodes: [...before.nodes, ...(page?.edges.map(({ node }) => node) ?? [])],
    hasMore: page?.pageInfo.hasNextPage ?? false,
    after: page?.pageInfo.endCursor ?? null,
    isLoading: false,
    problem: "",
  };
}

/** The foot of a list: fetches the next page before it comes into sight, and can be pressed where that does not happen. */
export function More({ hasMore, isLoading, problem, more }: Pick<Pages<unknown>, "hasMore" | "isLoading" | "problem" | "more">) {
  const foot = useRef<HTMLDivElement>(null);
  const latest = useRef(more);
  latest.current = more;
  useEffect(() => {
    if (!foot.current || !hasMore || isLoading || problem) return;
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current(), { rootMargin: AHEAD });
    watch.observe(foot.current);
    return () => watch.disconnect();
  }, [hasMore, isLoading, problem]);
  return (
    <div class="more" ref={foot} aria-busy={isLoading}>
      {problem && <p role="alert">{problem}</p>}
      {isLoading && <span class="spinner" role="status" aria-label="Loading" />}
      {hasMore && !isLoading && <button type="button" onClick={more}>{problem ? "Try again" : "Show more"}</button>}
    </div>
  );
}
