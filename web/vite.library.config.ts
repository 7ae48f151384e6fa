// Builds the npm library into web/dist/: index.js and worker.js, each one file, with the wasm builds and the bundled
// model beside them. Run twice, the second time with --mode worker; stage_library.mjs adds the types and stages the package.
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { assets, constants, readWasmSet } from "./build_plugins.ts";

const wasm = readWasmSet();

export default defineConfig(({ mode }) => ({
  root: import.meta.dirname,
  base: "./",
  publicDir: false,
  define: constants(wasm),
  build: {
    outDir: "dist",
    emptyOutDir: mode !== "worker",
    target: ["chrome109", "firefox115", "safari16.4"],
    rolldownOptions: {
      input: resolve(import.meta.dirname, mode === "worker" ? "engine/worker.ts" : "engine/index.ts"),
      preserveEntrySignatures: "strict",
      output: { entryFileNames: mode === "worker" ? "worker.js" : "index.js" },
    },
  },
  plugins: [
    {
      name: "parley-library-address",
      enforce: "pre",
      resolveId: (source) =>
        source === "./worker_url" ? resolve(import.meta.dirname, "engine/library_url.ts") : null,
    },
    mode === "worker" ? null : assets(wasm),
  ],
}));
