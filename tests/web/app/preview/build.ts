// Builds the preview into build/.
import { resolve } from "node:path";
import { build } from "vite";

const REPOSITORY = resolve(import.meta.dirname, "../../../..");

/** Returns the folder with index.html; tests that run at the same time have one each. */
export async function buildPreview(index: number): Promise<string> {
  const outDir = resolve(REPOSITORY, `build/page-preview-${index}`);
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
