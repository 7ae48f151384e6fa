// Builds the npm library's code once before the browser tests that load it, into a directory of their own.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));

/** The root of the tests' site: the library is in its dist/. */
export const LIBRARY =
  process.env.PARLEY_TEST_LIBRARY ?? fileURLToPath(new URL("../../../build/test-library/", import.meta.url));

export default function buildLibrary(): void {
  const build = [
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
    execFileSync("npx", ["--no", ...build, "--mode", mode, ...more], {
      cwd: WEB,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}
