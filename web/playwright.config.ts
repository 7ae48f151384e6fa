// Browser tests, in the Chromium of the system: tests/e2e holds whole-page tests, tests/web/browser those of the
// library. They run against dist/, which scripts/build.sh makes; PARLEY_CHROMIUM names another browser.
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.PARLEY_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));
// Tests of what takes how much of the processor, and of a model that answers with all of it, have the machine to themselves.
const ALONE = /(app_chat|app_model|engine|processor)\.spec\.ts$/;
// What is fetched or made first: `scripts/test.sh firefox`, `scripts/test.sh smollm2`, `scripts/test.sh train`.
const ON_REQUEST = [
  ...(process.env.PARLEY_FIREFOX ? [] : ["**/firefox.spec.ts"]),
  ...(process.env.PARLEY_SMOLLM2 ? [] : ["**/smollm2.spec.ts"]),
  ...(process.env.PARLEY_TRAINED_MODEL ? [] : ["**/trained_model.spec.ts"]),
];
const baseURL = process.env.PARLEY_E2E_URL ?? "http://localhost:4173/";

export default defineConfig({
  testDir: "../tests",
  globalSetup: "../tests/web/browser/library_build.ts",
  testMatch: ["e2e/**/*.spec.ts", "web/browser/**/*.spec.ts"],
  outputDir: "test-results",
  timeout: 60_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 2,
  projects: [
    {
      name: "together",
      testIgnore: [ALONE, ...ON_REQUEST],
    },
    { name: "alone", testMatch: ALONE, dependencies: ["together"], workers: 1 },
  ],
  retries: 0,
  forbidOnly: !!process.env.CI,
  reporter: [["list"]],
  use: {
    baseURL,
    browserName: "chromium",
    launchOptions: {
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-first-run",
        "--no-pings",
      ],
    },
    trace: "off",
  },
  webServer: process.env.PARLEY_E2E_URL
    ? undefined
    : {
        command: "node ../scripts/serve.mjs --port 4173 --dir ../dist",
        url: baseURL,
        reuseExistingServer: false,
      },
});
