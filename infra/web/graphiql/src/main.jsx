// The page: a bar with the log-in form, and under it GraphiQL with its explorer.
import "./workers.js";
import "@graphiql/react/style.css";
import "graphiql/graphiql.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./style.css";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { StrictMode, useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { createFetcher, ENDPOINT } from "./fetcher.js";
import { LogIn } from "./LogIn.jsx";
import { openStorage } from "./storage.js";
import { OPENING_TABS } from "./tabs.js";

const STORAGE = openStorage();
const PLUGINS = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

// GraphiQL's own colours follow the system by themselves; those of its editors only when they are set again.
function FollowSystemColours() {
  const { setTheme } = useGraphiQLActions();
  const theme = useGraphiQL((state) => state.theme);
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => setTheme(theme);
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [setTheme, theme, editor]);
  return null;
}

function Page() {
  const [live, setLive] = useState(null);
  const fetcher = useMemo(() => createFetcher(setLive), []);
  return (
    <>
      <header className="roost-bar">
        <h1>Roost</h1>
        <code>{ENDPOINT}</code>
        <span id="live-state" role="status" data-state={live ?? "idle"}>
          {live && `live: ${live}`}
        </span>
        <LogIn />
      </header>
      <main>
        <GraphiQL
          fetcher={fetcher}
          storage={STORAGE}
          plugins={PLUGINS}
          defaultTabs={OPENING_TABS}
          defaultEditorToolsVisibility="variables"
          inputValueDeprecation
          schemaDescription
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
          <FollowSystemColours />
        </GraphiQL>
      </main>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
