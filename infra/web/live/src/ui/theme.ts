// Light or dark: as the system has it, until the person says otherwise here.

const KEY = "roost:theme";

/** Shows what was chosen in this browser before. */
export function showTheme(): void {
  const kept = read();
  if (kept) document.documentElement.dataset["theme"] = kept;
}

/** Changes to the other one, and keeps that. */
export function switchTheme(): void {
  const isDark = (read() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const next = isDark ? "light" : "dark";
  document.documentElement.dataset["theme"] = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage may be blocked: the choice then holds until the page is left.
  }
}

function read(): string | null {
  const shown = document.documentElement.dataset["theme"];
  try {
    return shown ?? localStorage.getItem(KEY);
  } catch {
    return shown ?? null;
  }
}
