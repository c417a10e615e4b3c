// A tweet's text: only ever text, in which hashtags, mentions and addresses are links.
import type { CardFragment } from "../generated";
import { links } from "../state/router";

interface Span {
  readonly start: number;
  readonly end: number;
  readonly href: string;
  readonly isOutside: boolean;
}

export function RichText({ text, entities }: Pick<CardFragment, "text" | "entities">) {
  const letters = [...text]; // The schema counts code points, as twitter-text's conformance cases do.
  const parts = [];
  let at = 0;
  for (const { start, end, href, isOutside } of spansOf(entities)) {
    if (start < at) continue;
    parts.push(letters.slice(at, start).join(""));
    const shown = letters.slice(start, end).join("");
    parts.push(isOutside ? <a key={start} href={href} target="_blank" rel="noopener noreferrer nofollow">{shown}</a> : <a key={start} href={href}>{shown}</a>); // prettier-ignore
    at = end;
  }
  parts.push(letters.slice(at).join(""));
  return <>{parts}</>;
}

function spansOf({ hashtags, mentions, urls }: CardFragment["entities"]): Span[] {
  const spans = [
    ...hashtags.map(({ text, start, end }) => ({ start, end, href: links.search(`#${text}`), isOutside: false })),
    ...mentions.map(({ handle, start, end }) => ({ start, end, href: links.profile(handle), isOutside: false })),
    ...urls.map(({ url, start, end }) => ({ start, end, href: outside(url), isOutside: true })),
  ];
  return spans.sort((one, other) => one.start - other.start);
}

/** An address that is http or https in any case: nothing that runs as a script ever becomes a link. */
function outside(url: string): string {
  return /^https?:\/\//i.test(url) ? url : `https://${url}`;
}
