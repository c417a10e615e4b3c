// What stands around every view: where to go, the state of the connection, and what was just done.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { links, type Route } from "../state/router";
import { logOut } from "../state/session";
import type { LiveState } from "../state/socket";
import { useStore } from "../state/store";
import { toasts } from "../state/toasts";
import { asked, useRoost } from "./context";
import { Icon, Logo, type IconName } from "./icons";
import { KEYS } from "./keys";
import { SearchBox } from "./SearchBox";
import { switchTheme } from "./theme";
import { Trends } from "./Trends";

const STATES: Record<LiveState, string> = {
  connecting: "Connecting …",
  live: "Live",
  reconnecting: "Reconnecting …",
  ended: "Not live",
};

export function Frame({ here, children }: { here: Route; children: ComponentChildren }) {
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <Rail here={here} />
      <main id="main">{children}</main>
      <aside class="margin" aria-label="Search, trends and keys">
        {here.view !== "search" && <SearchBox id="search-anywhere" />}
        <Trends />
        <section class="keys panel">
          <h2>Keys</h2>
          <dl>
            {KEYS.map(([key, does]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
        <p class="developers">
          For developers: <a href="/graphql">GraphiQL</a>
        </p>
      </aside>
      <Toasts />
    </div>
  );
}

function Rail({ here }: { here: Route }) {
  const { viewer, home, unread, live } = useRoost();
  const waiting = useStore(home.state).waiting.length;
  const count = useStore(unread.count);
  const state = useStore(live.state);
  useEffect(() => {
    document.title = waiting ? `(${waiting}) Roost` : "Roost";
  }, [waiting]);
  const isOwn = here.view === "profile" && here.handle === viewer.handle;
  return (
    <header class="rail">
      <a class="brand" href={links.home} aria-label="Roost">
        <Logo />
        <span>Roost</span>
      </a>
      <nav aria-label="Main">
        <Place href={links.home} icon="home" name="Home" isHere={here.view === "home"} />
        <Place href={links.search("")} icon="search" name="Search" isHere={here.view === "search"} />
        <Place href={links.notifications} icon="bell" name="Notifications" isHere={here.view === "notifications"} count={count} />
        <Place href={links.profile(viewer.handle)} icon="person" name="Profile" isHere={isOwn} />
      </nav>
      <button type="button" class="main write" onClick={() => asked.set({ kind: "post" })}>
        <Icon name="pen" />
        <span>Write</span>
      </button>
      <div class="rail-foot">
        <span id="live-state" class="live-state" role="status" data-state={state}>
          {STATES[state]}
        </span>
        <button type="button" class="quiet" onClick={switchTheme} aria-label="Light or dark" title="Light or dark">
          <Icon name="moon" />
        </button>
        <button type="button" class="quiet" id="log-out" onClick={() => logOut()} aria-label={`Log out @${viewer.handle}`} title="Log out">
          <Icon name="leave" />
        </button>
      </div>
    </header>
  );
}

function Place({ href, icon, name, isHere, count = 0 }: { href: string; icon: IconName; name: string; isHere: boolean; count?: number }) {
  return (
    <a href={href} aria-current={isHere ? "page" : undefined}>
      <span class="with-count">
        <Icon name={icon} />
        {count > 0 && (
          <b class="count" id={`count-${icon}`}>
            {count > 99 ? "99+" : count}
            <span class="unseen"> unread</span>
          </b>
        )}
      </span>
      <span class="label">{name}</span>
    </a>
  );
}

function Toasts() {
  const shown = useStore(toasts);
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, text, kind }) => (
        <p key={id} class={kind}>
          {text}
        </p>
      ))}
    </div>
  );
}

/** The address stands for a view, so the skip link must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("main h1")?.focus();
}
