// One generation outside of a conversation: what is asked of the model, and what came of it.

import type { ChatMessage, Engine, ParleyDetails, SamplingParams } from "../../engine/types";
import type { Failure } from "./messages";

export type Asked =
  | { kind: "chat"; messages: readonly ChatMessage[] }
  | { kind: "completion"; prompt: string };

/** How it went, so far. */
export type Outcome =
  | { state: "none" }
  | { state: "waiting" } // for the model, or for another generation to end
  | { state: "running"; text: string }
  | { state: "done"; result: RunResult }
  | { state: "stopped"; text: string }
  | { state: "failed"; text: string; failure: Failure };

export interface RunResult {
  text: string;
  /** `length`: it met its limit or the end of the context. */
  reason: "stop" | "length";
  model: string;
  ids: readonly number[]; // of its tokens
  tokensPerSecond: number;
  seed: number;
  options: Record<string, unknown>; // in effect; sent again they give the same text
}

interface Piece {
  text: string;
  model: string;
  reason: "stop" | "length" | null;
  details: ParleyDetails | undefined;
}

async function* pieces(
  engine: Engine,
  asked: Asked,
  options: SamplingParams,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  if (asked.kind === "chat") {
    const messages = [...asked.messages];
    const params = { ...options, messages, stream: true } as const;
    for await (const { choices, model, parley } of await engine.chat.completions.create(params, { signal })) {
      const [choice] = choices;
      yield {
        text: choice?.delta.content ?? "",
        model,
        reason: choice?.finish_reason ?? null,
        details: parley,
      };
    }
    return;
  }
  const params = { ...options, prompt: asked.prompt, stream: true } as const;
  for await (const { choices, model, parley } of await engine.completions.create(params, { signal })) {
    const [choice] = choices;
    yield { text: choice?.text ?? "", model, reason: choice?.finish_reason ?? null, details: parley };
  }
}

/** Generates; `onText` hears the whole text each time it has grown. Rejects with AbortError when stopped. */
export async function generate(
  engine: Engine,
  asked: Asked,
  options: SamplingParams,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<RunResult> {
  let text = "";
  let end: Partial<Pick<Piece, "details" | "reason" | "model">> = {};
  for await (const piece of pieces(engine, asked, options, signal)) {
    signal.throwIfAborted();
    if (piece.text !== "") {
      text += piece.text;
      onText(text);
    }
    end = {
      model: piece.model,
      reason: piece.reason ?? end.reason,
      details: piece.details ?? end.details,
    };
  }
  const { details } = end;
  if (details === undefined) throw new Error("The reply ended without its details.");
  return {
    text,
    reason: end.reason ?? "stop",
    model: end.model ?? "",
    ids: details.ids,
    tokensPerSecond: details.timings.predicted_per_second,
    seed: details.options.seed,
    options: details.options,
  };
}
