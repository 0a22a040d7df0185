import "./workers.js";
import { useGraphiQL } from "@graphiql/react";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { useEffect, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
// Not graphiql/style.css: that one brings Monaco's styles a second time.
import "@graphiql/react/font/roboto.css";
import "@graphiql/react/font/fira-code.css";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./explorer.css";
import { Bar } from "./bar.jsx";
import { fetcher } from "./fetcher.js";
import { withAuthorization } from "./headers.js";
import { session } from "./session.js";
import { settings } from "./settings.js";
import { storage } from "./storage.js";

const PLUGINS = [HISTORY_PLUGIN];

// Keeps the session's Authorization in the headers editor, whichever tab it shows.
function SessionHeaders() {
  const editor = useGraphiQL((state) => state.headerEditor);
  const authorization = useSyncExternalStore(session.subscribe, session.authorization);
  useEffect(() => {
    if (!editor) return undefined;
    const renew = () => {
      const text = editor.getValue();
      const wanted = withAuthorization(text, session);
      if (wanted !== text) editor.setValue(wanted);
    };
    renew();
    // A flush is a text set by the program: another tab, an entry of the history. What a person
    // types is left alone, even an emptied editor.
    const listening = editor.getModel().onDidChangeContent((change) => {
      if (change.isFlush) queueMicrotask(renew);
    });
    return () => listening.dispose();
  }, [editor, authorization]);
  return null;
}

function Explorer() {
  return (
    <div className="folioql">
      <Bar />
      <main className="folioql-explorer">
        <GraphiQL
          fetcher={fetcher}
          plugins={PLUGINS}
          storage={storage}
          defaultTabs={settings.defaultTabs}
          defaultEditorToolsVisibility="variables"
          isHeadersEditorEnabled
          shouldPersistHeaders={false}
        >
          <SessionHeaders />
        </GraphiQL>
      </main>
    </div>
  );
}

createRoot(document.getElementById("explorer")).render(<Explorer />);
