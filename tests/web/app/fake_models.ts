// Models that do not exist, as the engine without a model has them: catalog entries, what is stored, what is loaded.

import type { CatalogEntry, LoadProgress, ModelInfo, StoredModel } from "../../../web/engine/types";
import type { FakeOptions } from "./fake_engine";

export const MODEL_BYTES = 19_826_144;

export function fakeEntry({ name = "Parley 17M", licence }: Partial<FakeOptions> = {}): CatalogEntry {
  return {
    id: "parley-17m",
    name,
    description:
      "A small English chat model: films, music, sport, everyday talk, bookings, weather and customer service.",
    revision: "1",
    license: licence ?? "CC-BY-SA-4.0",
    license_url: licence === undefined ? "parley-17m/LICENSE.txt" : `javascript:${licence}`,
    languages: ["en"],
    architecture: "gpt2",
    quantization: "Q8_0",
    parameters: 17_544_960,
    context: 512,
    chat_format: "role_tokens",
    preset: { temperature: 0.7, top_k: 40, top_p: 0.92, repetition_penalty: 1.1, max_tokens: 64 },
    files: [{ url: "parley-17m/parley-17m.gguf", bytes: MODEL_BYTES }],
  };
}

export const MORE: CatalogEntry[] = [
  {
    ...fakeEntry(),
    id: "smollm2-135m-instruct",
    name: "SmolLM2 135M Instruct",
    description: "A small assistant that follows instructions in English.",
    license: "Apache-2.0",
    files: [],
    hub: { repository: "bartowski/SmolLM2-135M-Instruct-GGUF" },
    download_bytes: 145_000_000,
    memory_bytes: 255_000_000,
  },
  {
    ...fakeEntry(),
    id: "gpt2",
    name: "GPT-2",
    description: "Continues a text. Not made for chat.",
    license: "MIT",
    files: [],
    hub: { repository: "openai-community/gpt2" },
    download_bytes: 549_800_000,
    memory_bytes: 227_600_000,
  },
];

export const ADDED: StoredModel[] = [
  {
    id: "gpt2",
    name: "GPT-2",
    bytes: 96_000_000,
    total_bytes: 549_800_000,
    complete: false,
    revision: "1",
    license: "MIT",
    memory_bytes: 0,
    file_name: "model.gguf",
    entry: MORE[1] as CatalogEntry,
    quantization: "q8_0",
  },
  {
    id: "hf:someone/a-fine-tune-with-a-rather-long-name-of-gpt2",
    name: "someone/a-fine-tune-with-a-rather-long-name-of-gpt2",
    bytes: 136_000_000,
    total_bytes: 136_000_000,
    complete: true,
    revision: "1",
    license: "",
    memory_bytes: 228_000_000,
    file_name: "model.gguf",
    quantization: "q8_0",
  },
];

/** What is loaded by this name; nobody knows the entry of what is not in the catalog. */
export function fakeInfo(options: Partial<FakeOptions>, source = "parley-17m"): ModelInfo {
  const entry = [...MORE, fakeEntry(options)].find(({ id }) => id === source) ?? fakeEntry(options);
  return {
    id: source,
    name: source === entry.id ? entry.name : source,
    entry,
    architecture: entry.architecture,
    quantization: entry.quantization,
    vocab_size: 8192,
    context: options.context ?? entry.context,
    chat_format: entry.chat_format,
    threads: options.notices?.some((notice) => notice.code === "SINGLE_THREAD") ? 1 : 2,
    build: "relaxed-threads",
    kernels: "wasm relaxed",
    memory: {
      weights_bytes: 19_000_000,
      kv_bytes: 3_100_000,
      scratch_bytes: 2_000_000,
      tokenizer_bytes: 1_100_000,
      staging_bytes: 4_200_000,
      planned_bytes: 30_400_000,
      actual_bytes: 30_400_000,
      used_bytes: 25_000_000,
    },
    preset: entry.preset,
    load_ms: 412,
    from_storage: true,
    notices: options.notices ?? [],
  };
}

export function downloading(loaded: number, rate: number): LoadProgress {
  return {
    phase: "download",
    loaded,
    total: MODEL_BYTES,
    bytes_per_second: rate,
    seconds_left: (MODEL_BYTES - loaded) / rate,
  };
}
