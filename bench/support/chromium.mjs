// The system's Chromium for benchmarks, a fresh one each time, and how much memory its pages take.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { peakProcessBytes } from './processes.mjs';

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core');
const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** The program, and how it is started. */
export function chromiumOptions() {
  const executablePath = process.env.PARLEY_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));
  return { executablePath, args: ARGUMENTS };
}

/** A browser that remembers nothing. */
export const launchChromium = () => chromium.launch(chromiumOptions());

/** A browser that keeps what it stores in the folder `profile`, as the context of its one profile. */
export const launchProfile = (profile) => chromium.launchPersistentContext(profile, chromiumOptions());

/** The largest resident size that the browser's biggest page process ever had, in bytes. Linux only. */
export async function peakPageBytes(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return Math.max(...processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => peakProcessBytes(id)));
}
