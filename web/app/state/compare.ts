// One prompt, two models or two settings, side by side: both are written one after the other on the same engine, and the
// page's own model is back afterwards.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Engine, ModelPreset } from "../../engine/types";
import { COMPLETION_PRESET } from "./completion";
import { failureFrom, isAbort, type ModelState } from "./model";
import { bringModel } from "./model_switch";
import { type Overrides, requestParams } from "./options";
import { type Asked, generate, type Outcome } from "./runs";
import { drawSeed } from "./seeds";

export interface Side {
  /** A model's id; "" is the one that the page uses. */
  readonly model: Signal<string>;
  readonly overrides: Signal<Overrides>;
  readonly outcome: ReadonlySignal<Outcome>;
}

export type CompareKind = Asked["kind"];

export interface CompareState {
  readonly prompt: Signal<string>;
  /** Said to the models as a message, or continued as a text. */
  readonly kind: Signal<CompareKind>;
  readonly sides: readonly [Side, Side];
  readonly busy: ReadonlySignal<boolean>;
  /** The model that the page gets back, while another is loaded for a comparison. */
  readonly returning: ReadonlySignal<string | null>;
  /** What a side uses where nothing is chosen; of a model that is not loaded, as its entry says. */
  presetOf(side: Side): ModelPreset;
  run(): Promise<void>;
  stop(): void;
}

interface OwnSide extends Side {
  readonly outcome: Signal<Outcome>;
}

function makeSide(overrides: Overrides): OwnSide {
  return { model: signal(""), overrides: signal(overrides), outcome: signal<Outcome>({ state: "none" }) };
}

const LENGTH = 64; // tokens, where nothing is chosen

export interface CompareParts {
  engine: Engine;
  model: ModelState;
  /** Set while the page's own model is not the one that is loaded. */
  borrowing: Signal<boolean>;
}

export function createCompare({ engine, model, borrowing }: CompareParts): CompareState {
  const prompt = signal("");
  const kind: Signal<CompareKind> = signal("chat");
  const sides = [makeSide({}), makeSide({ temperature: 0 })] as const;
  const running: Signal<AbortController | null> = signal(null);
  const returning: Signal<string | null> = signal(null);

  async function write(side: OwnSide, id: string, seed: number, signal_: AbortSignal): Promise<void> {
    let text = "";
    try {
      side.outcome.value = { state: "waiting" };
      const failure = await bringModel(model, id, signal_);
      if (failure !== null) {
        side.outcome.value = { state: "failed", text, failure };
        return;
      }
      const asked: Asked =
        kind.peek() === "chat"
          ? { kind: "chat", messages: [{ role: "user", content: prompt.peek() }] }
          : { kind: "completion", prompt: prompt.peek() };
      const chosen = requestParams(side.overrides.peek());
      const params = { ...chosen, max_tokens: chosen.max_tokens ?? LENGTH, seed: chosen.seed ?? seed };
      const result = await generate(engine, asked, params, signal_, (now) => {
        text = now;
        side.outcome.value = { state: "running", text };
      });
      side.outcome.value = { state: "done", result };
    } catch (error) {
      side.outcome.value = isAbort(error)
        ? { state: "stopped", text }
        : { state: "failed", text, failure: failureFrom(error) };
    }
  }

  return {
    prompt,
    kind,
    sides,
    busy: computed(() => running.value !== null),
    returning,
    presetOf(side) {
      if (kind.value === "completion") return { ...COMPLETION_PRESET, max_tokens: LENGTH };
      const id = side.model.value || model.id.value;
      const info = model.info.value;
      const entry = model.catalog.value.find((one) => one.id === id);
      return { ...(info?.id === id ? info.preset : entry?.preset), max_tokens: LENGTH };
    },
    async run() {
      if (running.peek() !== null || prompt.peek().trim() === "") return;
      const mine = new AbortController();
      running.value = mine;
      borrowing.value = true;
      const own = model.id.peek();
      const seed = drawSeed(); // the same for both: what differs is what is compared
      for (const side of sides) side.outcome.value = { state: "none" };
      // The model that is loaded goes first.
      const order = [...sides].sort((a, b) => Number(isOther(a, own)) - Number(isOther(b, own)));
      for (const side of order) {
        if (!mine.signal.aborted) await write(side, side.model.peek() || own, seed, mine.signal);
      }
      if (model.id.peek() !== own) {
        returning.value = own;
        await bringModel(model, own, new AbortController().signal);
        returning.value = null;
      }
      borrowing.value = false;
      running.value = null;
    },
    stop: () => running.peek()?.abort(),
  };
}

function isOther(side: Side, own: string): boolean {
  return (side.model.peek() || own) !== own;
}
