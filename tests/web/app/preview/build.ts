// Builds the preview into build/page-preview.
import { resolve } from "node:path";
import { build } from "vite";

const REPOSITORY = resolve(import.meta.dirname, "../../../..");

/** Returns the folder with index.html. */
export async function buildPreview(): Promise<string> {
  const outDir = resolve(REPOSITORY, "build/page-preview");
  await build({
    root: import.meta.dirname,
    base: "./",
    configFile: false,
    logLevel: "warn",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: { outDir, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  });
  return outDir;
}
