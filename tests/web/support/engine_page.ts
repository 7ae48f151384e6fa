// A page with an engine over FakeWorker, made anew for each test that a file has.

import { afterEach, beforeEach, vi } from "vitest";
import { createEngine } from "../../../web/engine/index";
import type { ChatCompletionChunk, Engine, EngineState } from "../../../web/engine/types";
import { FakeWorker } from "./fake_worker";

export const messages = [{ role: "user" as const, content: "Hello" }];
export let states: EngineState[];
export let engine: Engine;

export function useEngine(): void {
  beforeEach(() => {
    vi.stubGlobal("Worker", FakeWorker);
    vi.stubGlobal("location", new URL("https://host.example/chat/?build=simd128"));
    vi.stubGlobal("navigator", {});
    states = [];
    engine = createEngine({ onState: (state) => states.push(state) });
  });
  afterEach(async () => {
    await engine.dispose();
    FakeWorker.reset();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
}

export const kinds = () => states.map(({ state }) => state);

export async function collect<T>(stream: AsyncIterable<T>): Promise<{ chunks: T[]; error: unknown }> {
  const chunks: T[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return { chunks, error };
  }
  return { chunks, error: null };
}

export const textOf = (chunks: ChatCompletionChunk[]) =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
