// Pictures of what the tests bring the page to, for looking at all of it: PARLEY_PICTURES names the folder they go to, and
// without it none is taken.

import { join } from "node:path";
import type { Page } from "@playwright/test";

/** Takes one; `kind` says of which look, such as dark or phone. */
export async function picture(page: Page, name: string, kind: string): Promise<void> {
  const folder = process.env.PARLEY_PICTURES;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}, ${kind}.png`) });
}
