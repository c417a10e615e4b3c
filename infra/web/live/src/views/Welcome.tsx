// Logging in and signing up.
import { useMemo, useRef, useState } from "preact/hooks";
import { LogInDocument, SignUpDocument } from "../generated";
import { openApi, readable } from "../state/api";
import { logIn, notice } from "../state/session";
import { useStore } from "../state/store";
import { Logo } from "../ui/icons";

interface Problem {
  readonly message: string;
  readonly path: readonly string[];
}

export function Welcome() {
  const [isNew, setNew] = useState(false);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [isBusy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const why = useStore(notice);
  const { client } = useMemo(openApi, []);

  async function submit(event: Event) {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form.current!)) as Record<"handle" | "displayName" | "password", string>;
    const handle = given.handle.trim().replace(/^@/, "");
    setBusy(true);
    const answer = isNew
      ? await client.mutation(SignUpDocument, { input: { ...given, handle } }).toPromise()
      : await client.mutation(LogInDocument, { input: { handle, password: given.password } }).toPromise();
    setBusy(false);
    if (answer.error) return setProblems([{ message: readable(answer.error), path: [] }]);
    const payload = answer.data && ("signUp" in answer.data ? answer.data.signUp : answer.data.logIn);
    setProblems(payload?.userErrors ?? []);
    const viewer = payload?.viewer;
    if (payload?.token && viewer) logIn({ token: payload.token, id: viewer.id, handle: viewer.handle, displayName: viewer.displayName });
  }

  const wrong = (name: string) => problems.some(({ path }) => path.includes(name)) || undefined;
  return (
    <main class="welcome">
      <div class="pitch">
        <Logo />
        <h1>Roost</h1>
        <p>Your home timeline, live. Whatever those you follow write is here the moment they do.</p>
      </div>
      <form ref={form} onSubmit={submit} aria-label={isNew ? "Sign up" : "Log in"}>
        <h2>{isNew ? "Make an account" : "Log in"}</h2>
        <label>
          Handle
          <input name="handle" autocomplete="username" autocapitalize="none" spellcheck={false} required aria-invalid={wrong("handle")} />
        </label>
        {isNew && (
          <label>
            Name
            <input name="displayName" autocomplete="name" required aria-invalid={wrong("displayName")} />
          </label>
        )}
        <label>
          Password
          <input
            name="password"
            type="password"
            required
            autocomplete={isNew ? "new-password" : "current-password"}
            aria-invalid={wrong("password")}
          />
        </label>
        <p role="alert" class="problem">
          {problems.map(({ message }) => message).join(". ") || why}
        </p>
        <button type="submit" class="main" disabled={isBusy}>
          {isNew ? "Sign up" : "Log in"}
        </button>
        <p class="switch">
          {isNew ? "You have an account?" : "You are new here?"}{" "}
          <button
            type="button"
            class="link"
            onClick={() => {
              setProblems([]);
              setNew(!isNew);
            }}
          >
            {isNew ? "Log in" : "Sign up"}
          </button>
        </p>
      </form>
      <p class="developers">
        For developers: <a href="/graphql">GraphiQL</a>
      </p>
    </main>
  );
}
