// Builds the npm library's code once before the browser tests that load it, and the page of the download tests beside it,
// into a directory of their own.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));

/** The root of the tests' site: the library is in its dist/. */
export const LIBRARY =
  process.env.PARLEY_TEST_LIBRARY ?? fileURLToPath(new URL("../../../build/test-library/", import.meta.url));

export default async function buildLibrary(): Promise<void> {
  const command = [
    "vite",
    "build",
    "--config",
    "vite.library.config.ts",
    "--logLevel",
    "error",
    "--outDir",
    `${LIBRARY}/dist`,
  ];
  for (const mode of ["production", "worker"]) {
    // Emptying a directory outside of web/ has to be asked for; the second run adds to the first.
    const more = mode === "worker" ? [] : ["--emptyOutDir"];
    execFileSync("npx", ["--no", ...command, "--mode", mode, ...more], {
      cwd: WEB,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  await build({
    root: WEB,
    configFile: false,
    logLevel: "error",
    publicDir: false,
    define: { __PARLEY_HUB__: '"https://huggingface.co/"' },
    build: {
      outDir: resolve(LIBRARY, "faults"),
      emptyOutDir: true,
      rolldownOptions: {
        input: {
          page: resolve(import.meta.dirname, "faults/page.ts"),
          worker: resolve(import.meta.dirname, "faults/worker.ts"),
        },
        output: { entryFileNames: "[name].js", chunkFileNames: "[name].js" },
      },
    },
  });
}
