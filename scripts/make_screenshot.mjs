#!/usr/bin/env node
// Takes the README's picture, docs/images/chat-light.png, and the manifest's, web/public/screenshots, of a running page: one
// conversation with fixed seeds, so that the words are the same each time. It starts no server.
//
//   scripts/start.sh &  then  scripts/make_screenshot.mjs [http://localhost:8080/]
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const { chromium } = createRequire(new URL('web/package.json', ROOT))('playwright-core');
const PICTURE = fileURLToPath(new URL('docs/images/chat-light.png', ROOT));
const SCREENSHOTS = [
  ['wide', 1280, 800],
  ['narrow', 390, 844],
];
const CONVERSATION = [
  ['Book a table for two at an Italian restaurant tonight.', 62385],
  ['In San Francisco, at 7 pm please.', 4356],
  ['Yes, that is right. Thank you.', 86515],
];

async function say(page, text, seed) {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.locator('[open] summary').click();
  await page.locator('[name=seed]').fill(String(seed));
  await page.keyboard.press('Escape');
  await page.locator('#message').fill(text);
  await page.keyboard.press('Enter');
  await page.locator('#send:not([data-busy])').waitFor();
}

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1100, height: 720 }, deviceScaleFactor: 2, locale: 'en' });
await page.goto(process.argv[2] ?? 'http://localhost:8080/');
await page.locator('.chip[data-phase="ready"]').waitFor();
for (const [text, seed] of CONVERSATION) await say(page, text, seed);
await page.waitForTimeout(500); // the context meter follows
await page.screenshot({ path: PICTURE });
for (const [name, width, height] of SCREENSHOTS) {
  await page.setViewportSize({ width, height });
  await page.waitForTimeout(500); // the page goes to its end
  await page.screenshot({ path: fileURLToPath(new URL(`web/public/screenshots/${name}.png`, ROOT)), scale: 'css' });
}
await browser.close();
