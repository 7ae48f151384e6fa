// Unit and property tests of the page and the library: tests/web mirrors web/. Browser tests are Playwright's.
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: resolve(import.meta.dirname, ".."),
  define: {
    __PARLEY_BUILD_ID__: '"testbuild"',
    __PARLEY_VERSION__: '"0.0.0"',
    __PARLEY_HUB__: '"https://huggingface.co/"',
    __PARLEY_MODEL_HOSTS__: "[]",
    __PARLEY_HEADERS__: "{}",
    __PARLEY_WASM_FILES__: "{}",
  },
  test: {
    include: ["tests/web/**/*.test.{ts,tsx}"],
    environment: "node",
    passWithNoTests: false,
    sequence: { shuffle: true },
  },
});
