// Has the engine write replies: starts the one that waits as soon as the model is ready, passes its text to the thread,
// and settles how it ended. Stopping takes effect here at once, whatever the worker still has to finish.

import { batch, effect } from "@preact/signals";
import type { ChatCompletionChunk, Engine, ParleyDetails } from "../../engine/types";
import type { ContextMeter } from "./context_meter";
import { isOpen, isReply, type ReplyDetails, type ReplyMessage } from "./messages";
import { failureFrom, isAbort, type ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import { chatParams } from "./scenarios";
import { drawSeed } from "./seeds";
import type { ReplyChange, Thread } from "./thread";

export interface WriterParts {
  engine: Engine;
  model: ModelState;
  preferences: PreferencesState;
  thread: Thread;
  meter: ContextMeter;
  /** Called when a reply is finished. */
  onReply?: () => void;
}

/** From so many tokens on a reply tells how fast its model is here. */
const TELLING_TOKENS = 8;

function detailsFrom(
  details: ParleyDetails,
  model: string,
  tokens: number | null,
  from: number,
): ReplyDetails {
  return {
    model,
    tokens,
    tokensPerSecond: details.timings.predicted_per_second,
    seed: details.options.seed,
    contextUsed: details.context.used,
    contextTotal: details.context.total,
    options: details.options,
    ...(from > 0 && { from }),
  };
}

export class ReplyWriter {
  readonly #parts: WriterParts;
  readonly #fresh = new Set<string>(); // replies whose seed is drawn anew, whatever the settings say
  #running: AbortController | null = null;
  readonly #end: () => void;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    const { model, thread } = parts;
    this.#end = effect(() => {
      const last = thread.path.value.at(-1);
      if (model.phase.value.phase !== "ready" || last === undefined || this.#running !== null) return;
      if (isReply(last) && last.state === "waiting" && thread.isMine(last)) void this.#write(last);
    });
    thread.onTaken = () => {
      this.#running?.abort();
      this.#running = null;
    };
  }

  /** Writes no more replies; one that is being written is given up. */
  dispose(): void {
    this.#end();
    this.#running?.abort();
    this.#running = null;
  }

  drawsSeed(replyId: string): void {
    this.#fresh.add(replyId);
  }

  /** Stops the reply at the end of the branch, which is this tab's. */
  stop(): void {
    const { thread } = this.#parts;
    const last = thread.path.peek().at(-1);
    if (last === undefined || !isReply(last) || !isOpen(last) || !thread.isMine(last)) return;
    const running = this.#running;
    this.#running = null;
    running?.abort();
    thread.settle(last.id, { state: "stopped" });
  }

  /** Writes a reply, from its text so far on. */
  async #write(reply: ReplyMessage): Promise<void> {
    const { engine, thread } = this.#parts;
    const { id } = reply;
    const mine = new AbortController();
    this.#running = mine;
    const { sent, ids } = thread.prompt(id);
    const { failure: _settled, ...rest } = reply;
    const started: ReplyMessage = { ...rest, state: "streaming" };
    batch(() => {
      thread.live.value = { id, text: reply.content };
      thread.put(started);
      thread.save([started]);
    });
    try {
      const stream = await engine.chat.completions.create(
        { ...this.#params(id), messages: sent, stream: true, stream_options: { include_usage: true } },
        { signal: mine.signal },
      );
      const last = await this.#consume(stream, id, mine.signal);
      if (mine.signal.aborted) return; // stop() has settled it
      this.#running = null;
      this.#finish(reply, last, ids);
    } catch (error) {
      if (mine.signal.aborted) return;
      this.#running = null;
      thread.settle(id, this.#failed(error));
    }
  }

  #params(id: string) {
    const { preferences, model, thread } = this.#parts;
    const { system } = thread.conversation.peek();
    const params = chatParams(system, preferences.overrides(model.id.peek()));
    if (this.#fresh.delete(id) || params.seed === undefined) params.seed = drawSeed();
    return params;
  }

  /** The last chunks merged: why it ended, usage and details come apart. */
  async #consume(stream: AsyncIterable<ChatCompletionChunk>, id: string, signal: AbortSignal) {
    let end: Partial<ChatCompletionChunk> & { finish?: string } = {};
    for await (const chunk of stream) {
      if (signal.aborted) break;
      const choice = chunk.choices[0];
      this.#parts.thread.grow(id, choice?.delta.content ?? "");
      end = {
        model: chunk.model,
        usage: chunk.usage ?? end.usage,
        parley: chunk.parley ?? end.parley,
        finish: choice?.finish_reason ?? end.finish,
      };
    }
    return end;
  }

  #finish(
    reply: ReplyMessage,
    end: Partial<ChatCompletionChunk> & { finish?: string },
    ids: readonly string[],
  ): void {
    const { thread, meter, model: loaded, onReply, preferences } = this.#parts;
    const { model = "", usage, parley, finish } = end;
    const written = usage?.completion_tokens ?? parley?.ids.length ?? 0;
    // What was stopped before has not been counted.
    const before = reply.content === "" ? 0 : (reply.details?.tokens ?? reply.tokens?.length ?? null);
    const change: ReplyChange = { state: finish === "length" ? "cut" : "done" };
    // What was continued and had nothing to add keeps what is known of its words.
    const hasMore = reply.content === "" || thread.live.peek()?.text !== reply.content;
    if (parley !== undefined) loaded.usedThreads(parley.timings.threads);
    if (parley !== undefined && hasMore) {
      const known = reply.content === "" ? [] : reply.tokens;
      change.tokens = known && [...known, ...parley.ids];
      const tokens = before === null ? null : before + written;
      change.details = detailsFrom(parley, model, tokens, reply.content.length);
      if (written >= TELLING_TOKENS) preferences.sawSpeed(model, parley.timings.predicted_per_second);
    }
    batch(() => {
      thread.settle(reply.id, change);
      if (parley !== undefined) {
        meter.show({ used: parley.context.used, total: parley.context.total }, parley.dropped_messages, ids);
      }
    });
    onReply?.();
  }

  #failed(error: unknown): ReplyChange {
    if (isAbort(error)) return { state: "stopped" };
    const hasText = (this.#parts.thread.live.peek()?.text ?? "") !== "";
    return { state: hasText ? "interrupted" : "failed", failure: failureFrom(error) };
  }
}
