// Small things that stand in many places: avatars, times, numbers, headings.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { store, useStore } from "../state/store";

const HUES = 12;
const MINUTE = 60_000;

const now = store(Date.now());
setInterval(() => now.set(Date.now()), MINUTE / 2);

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const thisYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const otherYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

export function Avatar({ of, large = false }: { of: { handle: string; displayName: string; avatarUrl?: string | null } | null | undefined; large?: boolean }) {
  const size = large ? " large" : "";
  if (of?.avatarUrl) return <img class={`avatar${size}`} src={of.avatarUrl} alt="" loading="lazy" />;
  const letters = [...(of?.handle ?? "?")];
  const hue = letters.reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997, 7) % HUES;
  return <span class={`avatar hue-${hue}${size}`} aria-hidden="true">{[...(of?.displayName.trim() || "?")][0]?.toUpperCase()}</span>;
}

/** "now", "5m", "3h", then the day; the whole date on pointing at it. */
export function Time({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={whole.format(date)}>
      {ago(date, useStore(now))}
    </time>
  );
}

export function wholeTime(at: string): string {
  return whole.format(new Date(at));
}

export function number(count: number): string {
  return compact.format(count);
}

function ago(date: Date, present: number): string {
  const minutes = Math.floor((present - date.getTime()) / MINUTE);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes}m`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h`;
  return (date.getFullYear() === new Date(present).getFullYear() ? thisYear : otherYear).format(date);
}

/** The heading of a view. It takes the focus when the view is opened, so that a screen reader says where one is. */
export function Heading({ children, back = false }: { children: ComponentChildren; back?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <header class="heading">
      {back && (
        <button type="button" class="quiet" aria-label="Back" onClick={() => history.back()}>
          ←
        </button>
      )}
      <h1 tabIndex={-1} ref={heading}>
        {children}
      </h1>
    </header>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
