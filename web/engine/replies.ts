// One reply on the page's side: asks the worker, turns its events into an async iterator, and gives it OpenAI's shapes,
// streamed or whole. Turns, restarts and parameters are left to others.
import type { Begun, Counts, GenerationRequest } from "./contract";
import { abortError, type Delivered, fromWire, ParleyError, throwIfAborted } from "./errors";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  Completion,
  FinishReason,
  ParleyDetails,
  TokenLogprob,
  Usage,
} from "./types";
import type { CallEvent, WorkerHandle } from "./worker_handle";

/** A step of a reply: text as it comes, then its end. */
type Step =
  | { kind: "text"; text: string; logprob: TokenLogprob | null }
  | { kind: "end"; reason: FinishReason | "aborted"; details: ParleyDetails; usage: Usage };

const ABORT_ANSWER_MS = 1000; // after which an abort no longer waits for the worker's last word

/** Events in, steps out. What is not read waits. */
class StepQueue implements AsyncIterable<Step> {
  readonly #steps: Step[] = [];
  #failure: Error | null = null;
  #wake: () => void = () => {};
  readonly #onReturn: () => void;

  /** `onReturn`: the reader left the loop early. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(step: Step): void {
    this.#steps.push(step);
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Step> {
    let over = false;
    try {
      while (!over) {
        const step = this.#steps.shift();
        if (step !== undefined) {
          over = step.kind === "end";
          yield step;
        } else if (this.#failure !== null) {
          over = true;
          throw this.#failure;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      if (!over) this.#onReturn();
    }
  }
}

export interface Reply {
  steps: AsyncIterable<Step>;
  begun: Begun;
  /** Settles when the worker is done with it, read or not. Never rejects. */
  finished: Promise<void>;
}

export async function startReply(
  handle: WorkerHandle,
  call: number,
  request: GenerationRequest,
  signal: AbortSignal | undefined,
): Promise<Reply> {
  throwIfAborted(signal);
  const delivered: Delivered = { text: "", tokens: 0 };
  const ids: number[] = [];
  const early: CallEvent[] = []; // events that overtook the answer to begin()
  let begun: Begun | null = null;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const steps = new StepQueue(() => handle.cancel(call));
  let answer: ReturnType<typeof setTimeout> | undefined;
  const onAbort = () => {
    handle.cancel(call);
    answer = setTimeout(() => steps.fail(abortError()), ABORT_ANSWER_MS);
  };
  const end = () => {
    clearTimeout(answer);
    signal?.removeEventListener("abort", onAbort);
    unlisten();
    finish();
  };

  const receive = (event: CallEvent) => {
    if (begun === null) {
      early.push(event);
      return;
    }
    switch (event.kind) {
      case "token":
        ids.push(event.id);
        delivered.text += event.text;
        delivered.tokens += 1;
        steps.push({ kind: "text", text: event.text, logprob: event.logprob });
        break;
      case "done":
        if (event.text !== "") steps.push({ kind: "text", text: event.text, logprob: null });
        steps.push({
          kind: "end",
          reason: event.reason,
          details: detailsOf(begun, ids, event.counts),
          usage: usageOf(event.counts),
        });
        end();
        break;
      case "failed": {
        const { code, message } = event.error;
        steps.fail(
          code === "WORKER_CRASHED" ? new ParleyError(code, message, { delivered }) : fromWire(event.error),
        );
        end();
        break;
      }
      case "progress":
        break;
    }
  };
  const unlisten = handle.listen(call, receive);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    begun = await handle.call((api) => api.begin(call, request));
  } catch (error) {
    end();
    throw error;
  }
  for (const event of early) receive(event);
  return { steps, begun, finished };
}

function usageOf(counts: Counts): Usage {
  return {
    prompt_tokens: counts.prompt_tokens,
    completion_tokens: counts.completion_tokens,
    total_tokens: counts.prompt_tokens + counts.completion_tokens,
    prompt_tokens_details: { cached_tokens: counts.cached_tokens },
  };
}

function perSecond(tokens: number, ms: number): number {
  return ms > 0 ? (tokens * 1000) / ms : 0;
}

function detailsOf(begun: Begun, ids: number[], counts: Counts): ParleyDetails {
  const computed = counts.prompt_tokens - counts.cached_tokens;
  // How many alternatives were told has no part in the text, and create() takes it with `logprobs` alone.
  const { top_logprobs: _told, ...options } = begun.options;
  return {
    options,
    timings: {
      prompt_ms: counts.prompt_ms,
      prompt_per_second: perSecond(computed, counts.prompt_ms),
      // The first token comes with the prompt's last step, so the time after it is that of the others.
      predicted_ms: counts.predicted_ms,
      predicted_per_second: perSecond(Math.max(0, counts.completion_tokens - 1), counts.predicted_ms),
      threads: counts.threads,
    },
    context: { used: counts.prompt_tokens + counts.completion_tokens, total: counts.context },
    dropped_messages: begun.dropped,
    prompt_ids: begun.prompt_ids,
    ids,
  };
}

/** What every object of one reply has in common. */
export interface Envelope {
  id: string;
  created: number; // s
  model: string;
}

export async function* chatChunks(
  reply: Reply,
  envelope: Envelope,
  includeUsage: boolean,
): AsyncGenerator<ChatCompletionChunk> {
  const chunk = (
    delta: ChatCompletionChunk["choices"][number]["delta"],
    finishReason: FinishReason | null,
    logprob: TokenLogprob | null,
  ): ChatCompletionChunk => ({
    ...envelope,
    object: "chat.completion.chunk",
    choices: [
      {
        index: 0,
        delta,
        finish_reason: finishReason,
        logprobs: logprob === null ? null : { content: [logprob] },
      },
    ],
    ...(includeUsage && { usage: null }),
  });
  yield chunk({ role: "assistant", content: "" }, null, null);
  for await (const step of reply.steps) {
    if (step.kind === "text") {
      if (step.text !== "" || step.logprob !== null) yield chunk({ content: step.text }, null, step.logprob);
      continue;
    }
    const reason = step.reason === "aborted" ? null : step.reason;
    yield { ...chunk({}, reason, null), parley: step.details };
    if (step.reason === "aborted") throw abortError();
    if (includeUsage) yield { ...envelope, object: "chat.completion.chunk", choices: [], usage: step.usage };
  }
}

export async function wholeChat(
  reply: Reply,
  envelope: Envelope,
  logprobs: boolean,
): Promise<ChatCompletion> {
  let content = "";
  const tokens: TokenLogprob[] = [];
  for await (const step of reply.steps) {
    if (step.kind === "text") {
      content += step.text;
      if (step.logprob !== null) tokens.push(step.logprob);
      continue;
    }
    if (step.reason === "aborted") throw abortError();
    return {
      ...envelope,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content },
          finish_reason: step.reason,
          logprobs: logprobs ? { content: tokens } : null,
        },
      ],
      usage: step.usage,
      parley: step.details,
    };
  }
  throw new ParleyError("WORKER_CRASHED", "The reply ended without an end.");
}

type CompletionLogprobs = NonNullable<Completion["choices"][number]["logprobs"]>;

/** `offset`: characters before these tokens, the echoed prompt included. */
function completionLogprobs(tokens: readonly TokenLogprob[], offset: number): CompletionLogprobs {
  let at = offset;
  const offsets = tokens.map(({ token }) => {
    const here = at;
    at += token.length;
    return here;
  });
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top_logprobs }) =>
      Object.fromEntries(top_logprobs.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: offsets,
  };
}

function completion(
  envelope: Envelope,
  text: string,
  finishReason: FinishReason | null,
  logprobs: CompletionLogprobs | null,
): Completion {
  return {
    ...envelope,
    object: "text_completion",
    choices: [{ index: 0, text, finish_reason: finishReason, logprobs }],
  };
}

export async function* completionChunks(
  reply: Reply,
  envelope: Envelope,
  echo: string,
  includeUsage: boolean,
): AsyncGenerator<Completion> {
  let offset = echo.length;
  if (echo !== "") yield completion(envelope, echo, null, null);
  for await (const step of reply.steps) {
    if (step.kind === "text") {
      const logprobs = step.logprob === null ? null : completionLogprobs([step.logprob], offset);
      offset += step.logprob?.token.length ?? 0;
      if (step.text !== "" || logprobs !== null) yield completion(envelope, step.text, null, logprobs);
      continue;
    }
    const reason = step.reason === "aborted" ? null : step.reason;
    yield { ...completion(envelope, "", reason, null), parley: step.details };
    if (step.reason === "aborted") throw abortError();
    if (includeUsage) yield { ...envelope, object: "text_completion", choices: [], usage: step.usage };
  }
}

export async function wholeCompletion(
  reply: Reply,
  envelope: Envelope,
  echo: string,
  logprobs: boolean,
): Promise<Completion> {
  let text = echo;
  const tokens: TokenLogprob[] = [];
  for await (const step of reply.steps) {
    if (step.kind === "text") {
      text += step.text;
      if (step.logprob !== null) tokens.push(step.logprob);
      continue;
    }
    if (step.reason === "aborted") throw abortError();
    const all = logprobs ? completionLogprobs(tokens, echo.length) : null;
    return { ...completion(envelope, text, step.reason, all), usage: step.usage, parley: step.details };
  }
  throw new ParleyError("WORKER_CRASHED", "The reply ended without an end.");
}
