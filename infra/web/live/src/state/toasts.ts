// Short sentences at the foot of the page: what was done, or why it was not.
import { store } from "./store";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: "done" | "problem";
}

const SHOWN = 3; // at once
const LASTS = { done: 4_000, problem: 8_000 }; // ms

export const toasts = store<readonly Toast[]>([]);
let count = 0;

export function say(text: string, kind: Toast["kind"] = "done"): void {
  const id = ++count;
  toasts.set([...toasts.get(), { id, text, kind }].slice(-SHOWN));
  setTimeout(() => toasts.set(toasts.get().filter((toast) => toast.id !== id)), LASTS[kind]);
}
