// Builds the live page into one folder that the server hands out as it is. `npx vite` serves it while you change it,
// with a Roost on port 8000 behind it.
import { copyFile, mkdir } from "node:fs/promises";
import { defineConfig } from "vite";
import { precompress } from "../precompress.mjs";

// For the browser's test, which has no npm packages; the server hands out nothing of that folder.
function keepAxe() {
  return {
    name: "keep-axe",
    apply: "build",
    async writeBundle({ dir }) {
      await mkdir(`${dir}/checks`, { recursive: true });
      await copyFile("node_modules/axe-core/axe.min.js", `${dir}/checks/axe.min.js`);
    },
  };
}

export default defineConfig({
  base: "/live/",
  plugins: [keepAxe(), precompress()],
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
