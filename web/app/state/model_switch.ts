// Waits until a certain model is ready, loading it in place of another where it has to.

import { effect } from "@preact/signals";
import type { Failure } from "./messages";
import type { ModelState, Phase } from "./model";

function settled({ phase }: Phase): boolean {
  return phase === "ready" || phase === "failed" || phase === "idle" || phase === "elsewhere";
}

/** Null once `id` is ready, else why it is not. Aborting stops waiting, and loading. */
export async function bringModel(
  model: ModelState,
  id: string,
  signal: AbortSignal,
): Promise<Failure | null> {
  signal.throwIfAborted();
  const wanted = model.arriving.peek()?.id ?? model.id.peek();
  if (wanted === id) {
    await waitUntilSettled(model, signal);
    if (model.phase.peek().phase !== "ready") await loadUnless(signal, model, () => model.load());
  } else {
    const quantization = model.stored.peek().find((one) => one.id === id)?.quantization;
    await loadUnless(signal, model, () => model.choose(id, quantization));
  }
  signal.throwIfAborted();
  const phase = model.phase.peek();
  if (phase.phase === "ready" && model.id.peek() === id) return null;
  const failure = phase.phase === "failed" ? phase.failure : model.refused.peek()?.failure;
  if (phase.phase === "ready") model.dismissRefused(); // whoever asked says it
  return failure ?? { code: "NOT_LOADED", message: `${id} is not loaded` };
}

/** Does what loads a model; aborting ends it. */
async function loadUnless(signal: AbortSignal, model: ModelState, load: () => Promise<void>): Promise<void> {
  const cancel = () => model.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    signal.throwIfAborted();
    await load();
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function waitUntilSettled(model: ModelState, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let end = () => {};
    const finish = () => {
      queueMicrotask(() => end()); // an effect cannot be ended while it runs for the first time
      signal.removeEventListener("abort", finish);
      resolve();
    };
    signal.addEventListener("abort", finish, { once: true });
    end = effect(() => {
      if (settled(model.phase.value)) finish();
    });
  });
}
