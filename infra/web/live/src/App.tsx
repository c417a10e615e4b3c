// The page: who is logged in decides what there is, the address decides which view of it.
import { Provider } from "@urql/preact";
import { useEffect, useMemo } from "preact/hooks";
import { openApi } from "./state/api";
import { openHome } from "./state/home";
import { route, type Route } from "./state/router";
import { session, type Session } from "./state/session";
import { useStore } from "./state/store";
import { openTrends } from "./state/trends";
import { openUnread } from "./state/unread";
import { asked, deleted, RoostContext } from "./ui/context";
import { Dialogs } from "./ui/Dialogs";
import { Frame } from "./ui/Frame";
import { useKeys } from "./ui/keys";
import { HomeView } from "./views/HomeView";
import { NotificationsView } from "./views/NotificationsView";
import { ProfileView } from "./views/ProfileView";
import { SearchView } from "./views/SearchView";
import { TweetView } from "./views/TweetView";
import { Welcome } from "./views/Welcome";

export function App() {
  const viewer = useStore(session);
  return viewer ? <LoggedIn key={viewer.id} viewer={viewer} /> : <Welcome />;
}

function LoggedIn({ viewer }: { viewer: Session }) {
  const roost = useMemo(() => {
    const { client, live, close } = openApi();
    return { viewer, client, live, close, home: openHome(client, viewer.id), unread: openUnread(client), trends: openTrends(client) };
  }, [viewer.id]);
  useEffect(() => {
    void roost.home.load();
    void roost.unread.start();
    return () => {
      roost.home.close();
      roost.unread.close();
      roost.trends.close();
      roost.close();
      asked.set(null);
      deleted.set(new Set());
    };
  }, [roost]);
  useKeys();
  const here = useStore(route);
  return (
    <RoostContext.Provider value={roost}>
      <Provider value={roost.client}>
        <Frame here={here}>
          <View key={keyOf(here)} here={here} />
        </Frame>
        <Dialogs />
      </Provider>
    </RoostContext.Provider>
  );
}

function View({ here }: { here: Route }) {
  useEffect(() => {
    if (here.view !== "home") window.scrollTo(0, 0);
  }, []);
  switch (here.view) {
    case "home":
      return <HomeView />;
    case "tweet":
      return <TweetView id={here.id} />;
    case "profile":
      return <ProfileView {...here} />;
    case "search":
      return <SearchView {...here} />;
    case "notifications":
      return <NotificationsView />;
  }
}

/** What makes it another view, which begins at its top, and not the same one with another list in it. */
function keyOf(here: Route): string {
  return here.view === "tweet" ? here.id : here.view === "profile" ? `@${here.handle}` : here.view;
}
