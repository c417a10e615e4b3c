// Builds the page into one folder that the server hands out as it is, each text file with its compressed twins.
import { defineConfig } from "vite";
import { precompress } from "../precompress.mjs";

export default defineConfig({
  base: "/graphiql/",
  plugins: [precompress()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4096, // kB; the editor is one large piece by nature
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // Directives such as "use client" speak to servers that render React, which there are none of here.
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
    },
  },
});
