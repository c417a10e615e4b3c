// A value that many parts of the page look at: read it, change it, be told. The smallest thing that does that.
import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(next: T): void;
  onChange(listener: () => void): () => void;
}

/** A store that holds `value`; listeners are told when it becomes another one. */
export function store<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The store's value; the component is drawn anew when it changes. */
export function useStore<T>(source: Store<T>): T {
  const [value, setValue] = useState(() => source.get());
  useEffect(() => {
    const take = () => setValue(() => source.get());
    take(); // It may have changed between the first drawing and now.
    return source.onChange(take);
  }, [source]);
  return value;
}
