// One reply in the worker: steps the session, yields to the message queue between steps so that a cancel is seen before
// the next one, decodes bytes to text, and sends events. Queueing and OpenAI's shapes are the page's side's.
import type { Begun, ChatPrompt, Counts, GenerationRequest, WorkerEvent } from "./contract";
import { toWire } from "./errors";
import type { TokenCount, TokenLogprob } from "./types";
import type { SessionEvent, WasmSession } from "./wasm_session";

/** Waits until the messages that have arrived are handled. Timers would wait four milliseconds. */
export function makeYield(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}

export function begin(session: WasmSession, { prompt, options }: GenerationRequest): Begun {
  if (prompt.kind === "completion") {
    session.setOptions(options);
    return session.beginCompletion(prompt.text, prompt.special) as Begun;
  }
  setChat(session, prompt, options);
  return session.beginChat() as Begun;
}

/** What a reply would begin with; it may be asked between the steps of another. */
export function countChat(
  session: WasmSession,
  prompt: ChatPrompt,
  options: GenerationRequest["options"],
): TokenCount {
  setChat(session, prompt, options);
  return session.countChat() as TokenCount;
}

/** A chat, and all that decides what of it fits. */
function setChat(
  session: WasmSession,
  { messages, chatFormat }: ChatPrompt,
  options: GenerationRequest["options"],
): void {
  session.setOptions(options);
  session.setChatFormat(chatFormat);
  session.setMessages(
    messages.map(({ role, content, pinned }) => ({ role, content, pinned: pinned === true })),
  );
}

const nothing: Counts = {
  prompt_tokens: 0,
  cached_tokens: 0,
  completion_tokens: 0,
  context: 0,
  prompt_ms: 0,
  predicted_ms: 0,
  threads: 0,
};

/** Steps a reply that was begun to its end. Never throws: a failure is an event. */
export async function run(
  session: WasmSession,
  call: number,
  logprobs: boolean,
  isCancelled: () => boolean,
  yieldToMessages: () => Promise<void>,
  send: (event: WorkerEvent) => void,
): Promise<void> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const started = performance.now();
  let firstToken = 0;
  let counts = nothing;
  try {
    for (;;) {
      await yieldToMessages();
      if (isCancelled()) session.cancel();
      const event = session.next();
      const now = performance.now();
      if (event.kind === "token" && firstToken === 0) firstToken = now;
      counts = countsOf(event, started, firstToken, now);
      const text = decoder.decode(event.text, { stream: event.kind !== "done" });
      switch (event.kind) {
        case "prefill":
        case "draft":
          break;
        case "token":
          send({
            kind: "token",
            call,
            id: event.id,
            text,
            logprob: logprobs ? tokenLogprob(session, event) : null,
          });
          break;
        case "done":
          send({ kind: "done", call, text, reason: event.reason, counts });
          return;
      }
    }
  } catch (error) {
    send({ kind: "failed", call, error: toWire(error), counts });
  }
}

function countsOf(event: SessionEvent, started: number, firstToken: number, now: number): Counts {
  return {
    prompt_tokens: event.prompt_tokens,
    cached_tokens: event.cached_tokens,
    completion_tokens: event.completion_tokens,
    context: event.context,
    prompt_ms: (firstToken > 0 ? firstToken : now) - started,
    predicted_ms: firstToken > 0 ? now - firstToken : 0,
    threads: event.threads,
  };
}

function tokenLogprob(session: WasmSession, event: SessionEvent): TokenLogprob {
  const describe = (id: number, logprob: number) => {
    const bytes = session.tokenBytes(id);
    return { token: new TextDecoder().decode(bytes), id, logprob, bytes: Array.from(bytes) };
  };
  return {
    ...describe(event.id, event.logprob),
    top_logprobs: event.alternatives.map(({ id, logprob }) => describe(id, logprob)),
  };
}
