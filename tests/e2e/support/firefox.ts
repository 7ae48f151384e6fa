// The system's Firefox, driven over WebDriver BiDi as it comes (https://w3c.github.io/webdriver-bidi/): Playwright's own
// Firefox is a patched build. What a test of the page needs and no more: open, evaluate, click, type, wait.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 60_000;
const POLL_MS = 50;

/** Keeps it from calling home; what is measured or shown is as shipped. */
const PREFERENCES = {
  "app.update.disabledForTesting": true,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

type Answer = { id?: number; type: string; result?: unknown; error?: string; message?: string };
type Settle = { resolve: (result: unknown) => void; reject: (error: Error) => void };

export class Firefox {
  private readonly waiting = new Map<number, Settle>();
  private sent = 0;
  private context = "";
  version = "";

  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: WebSocket,
    private readonly profile: string,
  ) {
    socket.addEventListener("message", ({ data }) => this.receive(String(data)));
    socket.addEventListener("close", () => {
      for (const { reject } of this.waiting.values()) reject(new Error("Firefox is gone"));
    });
  }

  /** Starts the program that PARLEY_FIREFOX names, with an empty profile of its own. */
  static async launch(): Promise<Firefox> {
    const program = process.env.PARLEY_FIREFOX ?? "firefox-esr";
    const profile = mkdtempSync(join(tmpdir(), "parley-firefox-"));
    writeFileSync(
      join(profile, "user.js"),
      Object.entries(PREFERENCES)
        .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
        .join(""),
    );
    const args = [
      "--headless",
      "--no-remote",
      "--remote-debugging-port=0",
      "--profile",
      profile,
      "about:blank",
    ];
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    const socket = new WebSocket(`${await listeningAt(child)}/session`);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", () => reject(new Error("Firefox does not answer")));
    });
    const firefox = new Firefox(child, socket, profile);
    const { capabilities } = (await firefox.send("session.new", { capabilities: {} })) as {
      capabilities: { browserVersion: string };
    };
    firefox.version = capabilities.browserVersion;
    // The page collects by itself: with its log subscribed to, this browser now and then stops a worker that starts another.
    await firefox.send("script.addPreloadScript", { functionDeclaration: String(collectComplaints) });
    const { contexts } = (await firefox.send("browsingContext.getTree", {})) as {
      contexts: { context: string }[];
    };
    firefox.context = contexts[0]?.context ?? "";
    return firefox;
  }

  async close(): Promise<void> {
    const gone = once(this.process, "exit");
    this.send("browser.close", {}).catch(() => {});
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(timer);
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async goto(url: string): Promise<void> {
    await this.send("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  /** What went wrong on the page: errors of scripts, policy violations. */
  complaints(): Promise<string[]> {
    return this.evaluate(() => Reflect.get(window, "complaints") as string[]);
  }

  /** `work` in the page, with values that JSON can carry. */
  async evaluate<T, A extends unknown[]>(work: (...args: A) => T | Promise<T>, ...args: A): Promise<T> {
    const answer = (await this.send("script.callFunction", {
      functionDeclaration: `async () => JSON.stringify([await (${work})(...${JSON.stringify(args)})])`,
      awaitPromise: true,
      target: { context: this.context },
    })) as { type: string; result?: { value: string }; exceptionDetails?: { text: string } };
    if (answer.type !== "success") throw new Error(answer.exceptionDetails?.text ?? "not evaluated");
    return (JSON.parse(answer.result?.value ?? "[]") as [T])[0];
  }

  /** Waits until `work` gives something true, and returns it. */
  async until<T, A extends unknown[]>(
    what: string,
    work: (...args: A) => T | Promise<T>,
    ...args: A
  ): Promise<NonNullable<T>> {
    for (const end = Date.now() + START_MS; Date.now() < end; ) {
      const found = await this.evaluate(work, ...args);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const page = await this.evaluate(
      () => `${location.href.slice(0, 80)}\n${document.body.innerText.slice(0, 500)}`,
    );
    throw new Error(`Firefox: waited for ${what}; the page is ${page}`);
  }

  /** Clicks in the middle of the first element that `selector` finds and, where given, that has exactly this text. */
  async click(selector: string, text?: string): Promise<void> {
    const [x, y] = (await this.until(
      `${selector} ${text ?? ""}`,
      (wanted: string, words: string | null) => {
        const all = [...document.querySelectorAll<HTMLElement>(wanted)];
        const found = all.find((one) => words === null || one.textContent.trim() === words);
        if (found === undefined) return null;
        found.scrollIntoView({ block: "center" });
        const { left, top, width, height } = found.getBoundingClientRect();
        return width > 0 ? ([Math.round(left + width / 2), Math.round(top + height / 2)] as const) : null;
      },
      selector,
      text ?? null,
    )) as readonly [number, number];
    await this.perform("pointer", [
      { type: "pointerMove", x, y },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 },
    ]);
  }

  /** Types into what has the focus; "\uE007" is Enter, as WebDriver numbers keys. */
  async type(text: string): Promise<void> {
    await this.perform(
      "key",
      [...text].flatMap((value) => [
        { type: "keyDown", value },
        { type: "keyUp", value },
      ]),
    );
  }

  private async perform(type: "pointer" | "key", actions: object[]): Promise<void> {
    await this.send("input.performActions", {
      context: this.context,
      actions: [{ type, id: type, actions }],
    });
  }

  private send(method: string, params: object): Promise<unknown> {
    const id = ++this.sent;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  private receive(data: string): void {
    const answer = JSON.parse(data) as Answer;
    if (answer.id === undefined) return; // an event
    const settle = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.type === "success") settle?.resolve(answer.result);
    else settle?.reject(new Error(`${answer.error}: ${answer.message}`));
  }
}

/** Runs before anything of the page's. */
function collectComplaints(): void {
  const complaints: string[] = [];
  Object.assign(window, { complaints });
  addEventListener("error", ({ message }) => complaints.push(message));
  addEventListener("unhandledrejection", ({ reason }) => complaints.push(String(reason)));
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
    complaints.push(`${effectiveDirective} refused ${blockedURI}`),
  );
}

/** Where Firefox says that it listens. */
function listeningAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`Firefox did not start:\n${said}`)), START_MS);
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`Firefox ended:\n${said}`)));
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const address = /WebDriver BiDi listening on (ws:\S+)/u.exec(said)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
