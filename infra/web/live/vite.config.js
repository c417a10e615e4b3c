// Builds the live page into one folder that the server hands out as it is. `npx vite` serves it while you change it,
// with a Roost on port 8000 behind it.
import { defineConfig } from "vite";
import { precompress } from "../precompress.mjs";

export default defineConfig({
  base: "/live/",
  plugins: [precompress()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true } } },
});
