// Builds the page into dist/, ready for any static host, and says where tests live. The npm library has a
// configuration of its own, vite.library.config.ts.
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";
import { assets, constants, hosting, readWasmSet } from "./build_plugins.ts";

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};
const wasm = readWasmSet();
/** Styles of the chunks that are imported when they are needed. */
const LATER_STYLES = new Set(["reviewed.css", "tools.css"]);

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  define: constants(wasm),
  build: {
    outDir: resolve(import.meta.dirname, "../dist"),
    emptyOutDir: true,
    target: ["chrome109", "firefox115", "safari16.4"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 200,
    // What comes only when it is asked for stands apart from what is fetched before the first token.
    rolldownOptions: {
      output: {
        chunkFileNames: "assets/later/[name]-[hash].js",
        assetFileNames: ({ names }) =>
          `${names.some((name) => LATER_STYLES.has(name)) ? "assets/later" : "assets"}/[name]-[hash][extname]`,
      },
    },
  },
  worker: { format: "es" },
  server: { port: 5173, strictPort: true, headers: ISOLATION, fs: { allow: [".."] } },
  preview: { port: 4173, strictPort: true, headers: ISOLATION },
  plugins: [
    assets(wasm),
    hosting(),
    VitePWA({
      strategies: "injectManifest",
      srcDir: ".",
      filename: "service_worker.ts",
      injectRegister: false,
      injectManifest: {
        rollupFormat: "iife",
        globPatterns: ["**/*.{html,js,css,svg,png,webmanifest}", "models/catalog.json"],
        globIgnores: ["wasm/**", "examples/**", "screenshots/**"],
      },
      manifest: {
        id: "./",
        name: "Parley",
        short_name: "Parley",
        description:
          "Private chat with a small language model that runs in this page. Nothing is sent anywhere.",
        start_url: "./",
        scope: "./",
        display: "standalone",
        background_color: "#FAF8F4",
        theme_color: "#FAF8F4",
        icons: [
          { src: "icons/parley-192.png", sizes: "192x192", type: "image/png" },
          { src: "icons/parley-512.png", sizes: "512x512", type: "image/png" },
          { src: "icons/parley-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
        ],
        shortcuts: [
          { name: "Completion", url: "./#completion" },
          { name: "Compare", url: "./#compare" },
          { name: "Diagnostics", url: "./#diagnostics" },
        ],
        screenshots: [
          {
            src: "screenshots/wide.png",
            sizes: "1280x800",
            type: "image/png",
            form_factor: "wide",
            label: "A conversation",
          },
          {
            src: "screenshots/narrow.png",
            sizes: "390x844",
            type: "image/png",
            form_factor: "narrow",
            label: "A conversation on a phone",
          },
        ],
      },
    }),
  ],
});
