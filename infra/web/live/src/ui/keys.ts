// The keyboard's short ways: j and k from tweet to tweet, l likes, r replies, n writes, / searches.
import { useEffect } from "preact/hooks";
import { go, links } from "../state/router";
import { asked } from "./context";

export const KEYS = [
  ["j k", "next, previous tweet"],
  ["l", "like"],
  ["r", "reply"],
  ["n", "new tweet"],
  ["/", "search"],
] as const;

export function useKeys(): void {
  useEffect(() => {
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

function pressed(event: KeyboardEvent): void {
  const target = event.target as Element;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, dialog")) return;
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

const ACTS: Record<string, () => void> = {
  j: () => step(1),
  k: () => step(-1),
  l: () => press("heart"),
  r: () => press("reply"),
  n: () => asked.set({ kind: "post" }),
  "/": () => {
    const field = document.querySelector<HTMLInputElement>("#search-here, .margin input[type=search]");
    if (field?.offsetParent) field.focus();
    else go(links.search(""));
  },
};

function step(by: number): void {
  const cards = [...document.querySelectorAll<HTMLElement>("article.card")];
  const here = cards.findIndex((card) => card.contains(document.activeElement));
  const next = cards[here < 0 ? 0 : here + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function press(icon: string): void {
  document.activeElement?.closest("article.card")?.querySelector<HTMLElement>(`.act-${icon}`)?.click();
}
