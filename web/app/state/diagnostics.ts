// What a report of a fault needs to know: the browser's features, the build, threads, memory, storage and speed; and a
// self-test, which has the model compute what other machines have computed. No word of any conversation is in it.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { probe } from "../../engine/builds";
import type { Engine, ModelInfo } from "../../engine/types";
import type { Failure } from "./messages";
import { failureFrom, type ModelState } from "./model";
import { GOLDEN } from "./self_test_golden";
import type { ToolParts } from "./tools";

export type SelfTest =
  | { state: "none" }
  | { state: "running" }
  | { state: "passed"; tokens: number; perSecond: number }
  | { state: "differs"; where: string } // this machine computes something else
  | { state: "unavailable" } // for another model than the bundled one nothing is known
  | { state: "failed"; failure: Failure };

export interface Diagnostics {
  /** Lines of `name: value`, in English for whoever reads reports. */
  readonly report: ReadonlySignal<string>;
  readonly test: ReadonlySignal<SelfTest>;
  /** Looks again at what changes by itself. */
  refresh(): Promise<void>;
  runTest(): Promise<void>;
}

/** The golden continuations of one model, as scripts/golden_page.py writes them. */
export interface Golden {
  sha256: string; // of the model's file
  cases: readonly { prompt: string; ids: readonly number[]; logprobs: readonly number[] }[];
}

const MAX_LENGTH = 100; // tokens, prompt included: how the golden continuations were made

/**
 * Continues each golden prompt, greedily, with special tokens read as such. Ids and log-probabilities must be those of
 * every other machine, bit for bit.
 */
export async function selfTest(engine: Engine, golden: Golden): Promise<SelfTest> {
  let tokens = 0;
  let perSecond = 0;
  for (const { prompt, ids, logprobs } of golden.cases) {
    const { choices, parley } = await engine.completions.create({
      prompt,
      special: true,
      temperature: 0,
      max_length: MAX_LENGTH,
      logprobs: 0,
    });
    const found = choices[0]?.logprobs?.token_logprobs ?? [];
    const last = Math.max(ids.length, parley?.ids.length ?? 0);
    for (let at = 0; at < last; at++) {
      if (parley?.ids[at] !== ids[at] || found[at] !== logprobs[at]) {
        const what = (id: number | undefined, logprob: number | undefined) => `token ${id} at ${logprob}`;
        const where = `${JSON.stringify(prompt)}, token ${at}: ${what(ids[at], logprobs[at])} expected, `;
        return { state: "differs", where: where + what(parley?.ids[at], found[at]) };
      }
    }
    tokens += ids.length;
    perSecond = Math.max(perSecond, parley?.timings.predicted_per_second ?? 0);
  }
  return { state: "passed", tokens, perSecond };
}

export function createDiagnostics(parts: ToolParts): Diagnostics {
  const { engine, model } = parts;
  const test: Signal<SelfTest> = signal({ state: "none" });
  const surroundings: Signal<readonly string[]> = signal([]);
  const report = computed(() =>
    [
      `Parley: ${parts.version}`,
      ...surroundings.value,
      ...modelLines(parts),
      ...storageLines(model),
      `Self-test: ${testLine(test.value)}`,
    ].join("\n"),
  );
  return {
    report,
    test,
    async refresh() {
      surroundings.value = await describeSurroundings();
      await model.refreshStorage();
    },
    async runTest() {
      if (test.peek().state === "running") return;
      if (model.entry.peek()?.files[0]?.sha256 !== GOLDEN.sha256) {
        test.value = { state: "unavailable" };
        return;
      }
      test.value = { state: "running" };
      try {
        test.value = await selfTest(engine, GOLDEN);
      } catch (error) {
        test.value = { state: "failed", failure: failureFrom(error) };
      }
    },
  };
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

async function describeSurroundings(): Promise<string[]> {
  const { simd128, relaxed, threads, isolated } = probe();
  const { hardwareConcurrency, userAgent, language } = navigator;
  const memory = "deviceMemory" in navigator ? `${String(navigator.deviceMemory)} GB or more` : "not told";
  const worker = window.isSecureContext ? await navigator.serviceWorker?.getRegistration() : undefined;
  return [
    `Browser: ${userAgent}`,
    `Language: ${language}`,
    `Page: ${isSecureContext ? "secure" : "not secure"}, ${location.protocol}`,
    `Installed: ${yesNo(matchMedia("(display-mode: standalone)").matches)}`,
    `Service worker: ${worker?.active == null ? "none" : worker.active.state}`,
    `Features: SIMD ${yesNo(simd128)}, relaxed SIMD ${yesNo(relaxed)}, threads ${yesNo(threads)}, isolated ${yesNo(isolated)}`,
    `Processors: ${hardwareConcurrency ?? "not told"}`,
    `Device memory: ${memory}`,
  ];
}

const MB = 1_000_000;

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}

function modelLines({ model, preferences }: ToolParts): string[] {
  const id = model.id.value;
  const phase = model.phase.value;
  const failure = phase.phase === "failed" ? phase.failure : (model.refused.value?.failure ?? null);
  const state = failure === null ? phase.phase : `${phase.phase}, ${failure.code}: ${failure.message}`;
  const info = model.info.value;
  const arriving = model.arriving.value;
  const speed = preferences.value.value.speeds[id];
  return [
    `Model: ${id}`,
    `State: ${state}`,
    ...(arriving === null ? [] : [`Arriving: ${arriving.id || arriving.name}`]),
    ...(info === null ? [] : runLines(info, model)),
    `Speed: ${speed === undefined ? "not measured" : `${speed.toFixed(1)} tokens/s in the last reply`}`,
    ...model.notices.value.map(({ code, detail }) => `Notice: ${code}, ${detail}`),
  ];
}

function runLines(info: ModelInfo, model: ModelState): string[] {
  const { architecture, quantization, vocab_size, context, chat_format, build, kernels, memory } = info;
  const sha256 = info.entry?.files[0]?.sha256;
  return [
    `File: ${info.entry?.revision ?? "no revision"}${sha256 === undefined ? "" : `, SHA-256 ${sha256}`}`,
    `Architecture: ${architecture}, ${quantization}, vocabulary ${vocab_size}, context ${context}, format ${chat_format}`,
    `Build: ${build}, kernels ${kernels}`,
    `Threads: ${model.threads.value} in use, ${info.threads} started`,
    `Loaded: in ${Math.round(info.load_ms)} ms, ${info.from_storage ? "from storage" : "from the network"}`,
    `Memory: ${megabytes(memory.actual_bytes)}, planned ${megabytes(memory.planned_bytes)}, used ${megabytes(memory.used_bytes)}`,
    `Memory for: weights ${megabytes(memory.weights_bytes)}, cache ${megabytes(memory.kv_bytes)}, work ${megabytes(memory.scratch_bytes)}, tokenizer ${megabytes(memory.tokenizer_bytes)}`,
  ];
}

function storageLines(model: ModelState): string[] {
  const storage = model.storage.value;
  if (storage === null) return ["Storage: not known"];
  const { backend, persisted, usage_bytes: usage, quota_bytes: quota } = storage;
  const room =
    usage === undefined || quota === undefined ? "" : `, ${megabytes(usage)} of ${megabytes(quota)} used`;
  return [
    `Storage: ${backend}, ${persisted ? "kept" : "may be removed by the browser"}${room}`,
    ...model.stored.value.map(
      ({ id, bytes, total_bytes, complete }) =>
        `Stored: ${id}, ${megabytes(bytes)}${complete ? "" : ` of ${megabytes(total_bytes)}`}`,
    ),
  ];
}

function testLine(test: SelfTest): string {
  switch (test.state) {
    case "none":
      return "not run";
    case "running":
      return "running";
    case "passed":
      return `passed, ${test.tokens} tokens and their log-probabilities as on every machine, ${test.perSecond.toFixed(1)} tokens/s`;
    case "differs":
      return `DIFFERS, ${test.where}`;
    case "unavailable":
      return "not available for this model";
    case "failed":
      return `failed, ${test.failure.code}: ${test.failure.message}`;
  }
}
