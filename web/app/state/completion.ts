// A document that the model continues: its text, undoing and redoing continuations, stopping one, and keeping it all from
// visit to visit.

import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Engine, ModelPreset, ReviewRequest, SamplingParams } from "../../engine/types";
import { type DocumentStore, LONGEST_DOCUMENT, type StoredDocument } from "./document_store";
import { failureFrom, isAbort, type ModelState } from "./model";
import { type Overrides, requestParams } from "./options";
import { generate, type Outcome } from "./runs";
import { drawSeed } from "./seeds";

/** In effect where nothing is chosen: Hugging Face's defaults, and a length that can be waited for. */
export const COMPLETION_PRESET: ModelPreset = { temperature: 1, top_k: 50, top_p: 1, max_tokens: 128 };

/** The first example of every GPT-2 tutorial: greedy, 100 tokens with the prompt. */
const CLASSIC = { text: "Hello, how are you?", params: { temperature: 0, max_length: 100 } } as const;

/** Tokens that begin a turn. They have no text: what follows one would run on from what stands before it. */
const TURNS = ["<|system|>", "<|user|>", "<|assistant|>", "<|im_start|>"];
const NEVER = -100; // the least bias that there is

const SAVE_MS = 500;
const MOST_STEPS = 100;
const BOUNDARY = 8; // tokens that a cut in the middle of a word may cost

export interface CompletionState {
  readonly text: Signal<string>;
  readonly overrides: Signal<Overrides>;
  readonly outcome: ReadonlySignal<Outcome>;
  readonly busy: ReadonlySignal<boolean>;
  /** What the last continuation continued, as the model read it; "" before the first. */
  readonly read: ReadonlySignal<string>;
  /** Where the last continuation still ends the document: what stood before it. */
  readonly before: ReadonlySignal<string | null>;
  /** The beginning of the document was more than the model can read. */
  readonly cut: ReadonlySignal<boolean>;
  readonly canUndo: ReadonlySignal<boolean>;
  readonly canRedo: ReadonlySignal<boolean>;
  continue(): Promise<void>;
  stop(): void;
  undo(): void;
  redo(): void;
  /** `Hello, how are you?`, greedily to 100 tokens, in place of the document; undo brings that back. */
  classic(): Promise<void>;
  /** What the engine is asked to look at: the last continuation, as it was written, or the whole document. */
  inspected(): ReviewRequest;
  /** Puts `content` in place of the last continuation and goes on from there, unless it is over. */
  branch(beginning: { content: string; over: boolean }): Promise<void>;
  clear(): void;
  flush(): void;
}

export interface CompletionParts {
  engine: Engine;
  model: ModelState;
}

export function createCompletion(parts: CompletionParts, store: DocumentStore): CompletionState {
  return new Completion(parts, store);
}

class Completion implements CompletionState {
  readonly text: Signal<string> = signal("");
  readonly overrides: Signal<Overrides> = signal({});
  readonly outcome: Signal<Outcome> = signal({ state: "none" });
  readonly busy: ReadonlySignal<boolean>;
  readonly read: Signal<string> = signal("");
  readonly before: ReadonlySignal<string | null>;
  readonly cut: Signal<boolean> = signal(false);
  readonly canUndo: ReadonlySignal<boolean>;
  readonly canRedo: ReadonlySignal<boolean>;
  readonly #parts: CompletionParts;
  readonly #store: DocumentStore;
  readonly #undo: Signal<readonly string[]> = signal([]);
  readonly #redo: Signal<readonly string[]> = signal([]);
  #continued = ""; // the document before the last continuation
  #running: AbortController | null = null;
  #unsaved: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: CompletionParts, store: DocumentStore) {
    this.#parts = parts;
    this.#store = store;
    this.busy = computed(() => ["waiting", "running"].includes(this.outcome.value.state));
    this.before = computed(() => {
      const [outcome, text] = [this.outcome.value, this.text.value];
      if (outcome.state !== "done" || outcome.result.text === "") return null;
      return text === this.#continued + outcome.result.text ? this.#continued : null;
    });
    this.canUndo = computed(() => !this.busy.value && this.#undo.value.length > 0);
    this.canRedo = computed(() => !this.busy.value && this.#redo.value.length > 0);
    void this.#restore();
  }

  async continue(): Promise<void> {
    const params = requestParams(this.overrides.peek());
    await this.#run(
      {
        ...params,
        max_tokens: params.max_tokens ?? COMPLETION_PRESET.max_tokens,
        seed: params.seed ?? drawSeed(),
      },
      () => this.#turnless(params.logit_bias),
    );
  }

  async classic(): Promise<void> {
    if (this.busy.peek()) return;
    if (this.text.peek() !== "") this.#remember();
    this.text.value = CLASSIC.text;
    await this.#run({ ...CLASSIC.params, seed: 0 }); // as every implementation writes it, turns included
  }

  inspected(): ReviewRequest {
    const outcome = this.outcome.peek();
    if (outcome.state !== "done" || this.before.peek() === null) return { text: this.text.peek() };
    const { options, ids } = outcome.result;
    return { ...options, prompt: this.read.peek(), reply: ids };
  }

  async branch({ content, over }: { content: string; over: boolean }): Promise<void> {
    const before = this.before.peek();
    if (before === null || this.busy.peek()) return;
    this.#remember();
    this.text.value = before + content;
    if (!over) await this.continue();
  }

  stop(): void {
    this.#running?.abort();
  }

  undo(): void {
    this.#step(this.#undo, this.#redo);
  }

  redo(): void {
    this.#step(this.#redo, this.#undo);
  }

  clear(): void {
    if (this.busy.peek() || this.text.peek() === "") return;
    this.#remember();
    batch(() => {
      this.text.value = "";
      this.outcome.value = { state: "none" };
    });
  }

  flush(): void {
    clearTimeout(this.#unsaved);
    this.#unsaved = undefined;
    const document: StoredDocument = {
      text: this.text.peek(),
      undo: [...this.#undo.peek()],
      redo: [...this.#redo.peek()],
      overrides: this.overrides.peek(),
    };
    this.#store.write(document).catch(() => {}); // it stays for the visit
  }

  /** `more`: options that have to be asked for first. */
  async #run(params: SamplingParams, more = async (): Promise<SamplingParams> => ({})): Promise<void> {
    const before = this.text.peek();
    if (this.busy.peek() || before === "") return;
    const mine = new AbortController();
    this.#running = mine;
    this.#continued = before;
    this.#remember();
    this.outcome.value = { state: "waiting" };
    let written = "";
    try {
      const { prompt, cut } = await this.#readable(before, params.max_tokens);
      const options = { ...params, ...(await more()) };
      mine.signal.throwIfAborted();
      this.read.value = prompt;
      this.cut.value = cut;
      const asked = { kind: "completion", prompt } as const;
      const result = await generate(this.#parts.engine, asked, options, mine.signal, (text) => {
        written = text;
        batch(() => {
          this.text.value = before + text;
          this.outcome.value = { state: "running", text };
        });
      });
      this.outcome.value = { state: "done", result };
    } catch (error) {
      this.outcome.value = isAbort(error)
        ? { state: "stopped", text: written }
        : { state: "failed", text: written, failure: failureFrom(error) };
      if (written === "") this.#undo.value = this.#undo.peek().slice(0, -1); // nothing to undo
    } finally {
      this.#running = null;
      this.flush();
    }
  }

  /** The model writes on in the same text, whatever it learned about turns; what the user set comes first. */
  async #turnless(biases: Readonly<Record<string, number>> = {}): Promise<SamplingParams> {
    const logit_bias: Record<string, number> = {};
    for (const ids of await Promise.all(
      TURNS.map((turn) => this.#parts.engine.tokenize(turn, { special: true })),
    )) {
      const [id] = ids;
      if (id !== undefined && ids.length === 1) logit_bias[String(id)] = NEVER; // others write it as text
    }
    Object.assign(logit_bias, biases);
    return Object.keys(logit_bias).length > 0 ? { logit_bias } : {};
  }

  /** As much of the text's end as the model can read with room for what it writes. */
  async #readable(text: string, length: number | undefined): Promise<{ prompt: string; cut: boolean }> {
    const { engine, model } = this.#parts;
    const context = model.info.peek()?.context;
    const ids = await engine.tokenize(text);
    if (context === undefined) return { prompt: text, cut: false };
    const quarter = Math.floor(context / 4);
    const most = context - Math.min(length ?? quarter, quarter);
    if (ids.length <= most) return { prompt: text, cut: false };
    const tail = await engine.detokenize(ids.slice(BOUNDARY - most));
    return { prompt: tail.replace(/^\uFFFD+/u, ""), cut: true }; // the cut may have split a character
  }

  /** The text as it is can be come back to. */
  #remember(): void {
    this.#undo.value = [...this.#undo.peek(), this.text.peek()].slice(-MOST_STEPS);
    this.#redo.value = [];
  }

  #step(from: Signal<readonly string[]>, to: Signal<readonly string[]>): void {
    const text = from.peek().at(-1);
    if (this.busy.peek() || text === undefined) return;
    batch(() => {
      to.value = [...to.peek(), this.text.peek()].slice(-MOST_STEPS);
      from.value = from.peek().slice(0, -1);
      this.text.value = text;
      this.outcome.value = { state: "none" };
    });
  }

  async #restore(): Promise<void> {
    const stored = await this.#store.read().catch(() => null);
    // What was written meanwhile stays.
    if (stored !== null && this.text.peek() === "" && this.#undo.peek().length === 0) {
      batch(() => {
        this.text.value = stored.text;
        this.overrides.value = stored.overrides;
        this.#undo.value = stored.undo;
        this.#redo.value = stored.redo;
      });
    }
    let first = true;
    effect(() => {
      this.overrides.value;
      if (this.text.value.length > LONGEST_DOCUMENT) return;
      if (!first) this.#unsaved ??= setTimeout(() => this.flush(), SAVE_MS);
      first = false;
    });
  }
}
