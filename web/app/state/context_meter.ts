// How much of the context the conversation takes, the draft included, and which messages no longer fit. The engine counts;
// while it writes a reply it is busy with that, and the reply's own figures follow.

import { batch, effect, type Signal, signal } from "@preact/signals";
import type { Engine } from "../../engine/types";
import { failureFrom, type ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import { chatParams } from "./scenarios";
import type { Thread } from "./thread";

export interface ContextUse {
  used: number; // tokens, the draft included while one is being written
  total: number;
  over?: boolean; // the draft, with what must stay, is more than there is room for: `used` of `total`
  known?: boolean; // false when `used` is not
}

const COUNT_MS = 200; // after the last change

export class ContextMeter {
  readonly use: Signal<ContextUse | null> = signal(null);
  /** Messages outside the context now. */
  readonly dropped: Signal<ReadonlySet<string>> = signal(new Set<string>());
  readonly #thread: Thread;
  readonly #draft: Signal<string>;
  readonly #model: ModelState;
  readonly #preferences: PreferencesState;
  readonly #engine: Engine;
  #counting = false; // one count at a time, the newest question last
  #again = false; // something changed while it was counted
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #end: () => void;

  constructor(
    engine: Engine,
    model: ModelState,
    preferences: PreferencesState,
    thread: Thread,
    draft: Signal<string>,
  ) {
    this.#engine = engine;
    this.#model = model;
    this.#preferences = preferences;
    this.#thread = thread;
    this.#draft = draft;
    this.#end = effect(() => {
      draft.value;
      thread.path.value;
      thread.conversation.value.system;
      preferences.overrides(model.id.value); // how long a reply may be decides what fits
      if (model.phase.value.phase === "ready" && !thread.busy.value) this.#recount();
    });
  }

  dispose(): void {
    this.#end();
    clearTimeout(this.#timer);
  }

  /** `flags` says of each of `ids` whether it is dropped. */
  show(use: ContextUse | null, flags: readonly boolean[] = [], ids: readonly string[] = []): void {
    const next = new Set(ids.filter((id, index) => id !== "" && flags[index] === true));
    const before = this.dropped.peek();
    batch(() => {
      this.use.value = use;
      if (next.size !== before.size || [...next].some((id) => !before.has(id))) this.dropped.value = next;
    });
  }

  #recount(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      if (this.#model.phase.peek().phase !== "ready") return;
      this.#again = this.#counting;
      if (this.#counting) return;
      this.#counting = true;
      await this.#count().catch((error: unknown) => this.#failed(error));
      this.#counting = false;
      if (this.#again) this.#recount();
    }, COUNT_MS);
  }

  /** Without an answer the meter keeps its last figures. */
  #failed(error: unknown): void {
    const { code, message } = failureFrom(error);
    if (code !== "CONTEXT_FULL") return;
    // How many tokens are needed and how many are available, in this order: all that the error says in figures.
    const [needed, available] = (message.match(/\d+/gu) ?? []).map(Number);
    const total = available ?? this.#model.info.peek()?.context ?? 0;
    const known = available !== undefined;
    this.use.value = { used: needed ?? total, total, over: true, ...(!known && { known }) };
  }

  async #count(): Promise<void> {
    const thread = this.#thread;
    if (thread.busy.peek()) return;
    const { leaf, system } = thread.conversation.peek();
    const { sent, ids } = thread.prompt(leaf);
    const draft = this.#draft.peek();
    if (draft.trim() !== "") {
      sent.push({ role: "user", content: draft });
      ids.push("");
    }
    if (sent.length === 0) {
      const total = this.#model.info.peek()?.context ?? 0;
      this.show(total > 0 ? { used: 0, total } : null);
      return;
    }
    const params = chatParams(system, this.#preferences.overrides(this.#model.id.peek()));
    const { tokens, context, dropped } = await this.#engine.countTokens(sent, params);
    if (!thread.busy.peek()) this.show({ used: tokens, total: context }, dropped, ids);
  }
}
