// What the library's browser tests share: a site that serves the library with Parley's headers, an empty page on it, and
// an engine in that page.

import { readFileSync } from "node:fs";
import { test as base, expect, type Page } from "@playwright/test";
import { commonHeaders } from "../../../scripts/headers.mjs";
import type { Engine, EngineState, LoadOptions, ModelInfo } from "../../../web/engine/types";
import { type Fault, Site } from "../support/site";
import { LIBRARY } from "./library_build";

declare global {
  interface Window {
    engine: Engine;
    states: EngineState[];
  }
}

export interface Library {
  site: Site;
  page: Page;
  /** Opens an empty page of the site with `query`, makes window.engine, and loads the bundled model unless told not to. */
  open(query?: string, page?: Page): Promise<void>;
  load(options?: Pick<LoadOptions, "context" | "threads">, page?: Page): Promise<ModelInfo>;
  /** A reply to one message, whole. */
  ask(content: string, params?: Record<string, unknown>, page?: Page): Promise<Reply>;
  /** Puts `code` in front of the worker's script. */
  prefixWorker(code: string): void;
  /** Adds a fault in front of those that there are. */
  addFault(fault: Fault): void;
}

export interface Reply {
  text: string;
  ids: number[];
  finish: string;
  seed: number;
}

const EMPTY = '<!doctype html><html lang="en"><title>Test</title>';

export const test = base.extend<{ isolation: boolean; library: Library }>({
  isolation: [true, { option: true }],
  library: async ({ page, isolation }, use) => {
    const site = await Site.open({ dir: LIBRARY, isolation });
    const faults: Fault[] = [
      (_, response, path) => {
        if (!path.startsWith("/empty.html")) return false;
        response.writeHead(200, {
          ...commonHeaders({ isolation }),
          "Content-Type": "text/html; charset=utf-8",
        });
        response.end(EMPTY);
        return true;
      },
    ];
    site.fault = (request, response, path) => faults.some((fault) => fault(request, response, path) === true);
    const addFault = (fault: Fault) => {
      faults.unshift(fault);
    };
    const library: Library = {
      site,
      page,
      addFault,
      async open(query = "", target = page) {
        await target.goto(`${site.url}empty.html${query}`);
        await target.evaluate(async () => {
          const path = "/dist/index.js";
          const { createEngine } = (await import(path)) as {
            createEngine: typeof import("../../../web/engine/index").createEngine;
          };
          window.states = [];
          window.engine = createEngine({ onState: (state) => window.states.push(state) });
        });
      },
      load: (options = {}, target = page) =>
        target.evaluate((given) => window.engine.load("parley-17m", given), options),
      ask: (content, params = {}, target = page) =>
        target.evaluate(
          async ({ content: text, params: given }) => {
            const reply = await window.engine.chat.completions.create({
              messages: [{ role: "user", content: text }],
              seed: 11,
              max_tokens: 24,
              ...given,
            });
            const [choice] = reply.choices;
            return {
              text: choice?.message.content ?? "",
              ids: reply.parley.ids,
              finish: choice?.finish_reason ?? "",
              seed: reply.parley.options.seed,
            };
          },
          { content, params },
        ),
      prefixWorker(code) {
        const worker = readFileSync(`${LIBRARY}/dist/worker.js`, "utf8");
        addFault((_, response, path) => {
          if (!path.startsWith("/dist/worker.js")) return false;
          response.writeHead(200, { ...commonHeaders({ isolation }), "Content-Type": "text/javascript" });
          response.end(`${code};\n${worker}`);
          return true;
        });
      },
    };
    await use(library);
    await site.stop();
  },
});

export { expect };

/** A file of the tests' site. */
export function siteFile(path: string): Buffer {
  return readFileSync(`${LIBRARY}/${path}`);
}

/** What an evaluated call threw, as data. */
export async function failureOf(
  page: Page,
  work: () => Promise<unknown>,
): Promise<{ name: string; code: string; message: string } | null> {
  return page.evaluate(`(${work.toString()})().then(() => null, (error) => ({
    name: error.name, code: String(error.code), message: error.message }))`);
}
