// A browser with a profile of its own that can be killed as the system kills one: at once, with all its processes.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type BrowserContext, chromium, type TestInfo } from "@playwright/test";

export async function launch(profile: string, { project }: TestInfo): Promise<BrowserContext> {
  const { launchOptions = {} } = project.use;
  return chromium.launchPersistentContext(profile, { ...launchOptions, headless: true });
}

/** Kills every process of the browser that has `profile`, and waits until they are gone. */
export async function killBrowser(profile: string): Promise<void> {
  const victims = browserProcesses(profile);
  for (const id of victims) {
    try {
      process.kill(id, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  while (victims.some((id) => existsSync(`/proc/${id}/exe`)))
    await new Promise((done) => setTimeout(done, 5));
}

/** From the system's own list: the process that was started with `profile`, and all that it started. */
function browserProcesses(profile: string): number[] {
  const parents = new Map<number, number>();
  const found: number[] = [];
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      if (words.includes(`--user-data-dir=${profile}`)) found.push(Number(entry));
      const status = readFileSync(`/proc/${entry}/status`, "utf8");
      parents.set(Number(entry), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  if (found.length === 0) throw new Error(`no browser has ${profile}`);
  for (const id of found) {
    for (const [child, parent] of parents) if (parent === id && !found.includes(child)) found.push(child);
  }
  return found;
}
