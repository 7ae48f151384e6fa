// Converts a checkpoint's files into one GGUF file in an instance of the core of its own: the core says which bytes it
// wants next and hands out what it has made. Where the files lie and where the result goes is models/library.ts's.
import { ladder, probe, usesThreads } from "./builds";
import { ParleyError, throwIfAborted } from "./errors";
import type { BuildCache } from "./loader";
import type { Convert } from "./models/library";
import { PART_BYTES, type PartedFile } from "./models/parted_file";
import { makeMemory, startBuild } from "./wasm_module";

const FIRST_BYTES = 32 << 20;
const MOST_BYTES = 2 ** 31; // texts, the largest matrix and a few MiB
const LONGEST_TEXT = 64 << 20;

/** The core's parley_convert_* as a Convert. */
export function converter(cache: BuildCache, baseUrl: string): Convert {
  return async (files, type, name, write, report, signal) => {
    const build = ladder(probe(), 1, null).find((one) => !usesThreads(one));
    if (build === undefined) throw new ParleyError("BUILD_FAILED", "No build can convert a model here.");
    const memory = makeMemory(build, FIRST_BYTES, MOST_BYTES);
    const session = await startBuild(await cache.get(build, baseUrl), memory, 0);
    try {
      session.convertBegin(type, name);
      const weights = files.filter((file) => file.name.endsWith(".safetensors"));
      for (const file of files) {
        if (!weights.includes(file)) session.convertText(baseName(file), await wholeText(file));
      }
      for (const file of weights) session.convertWeights(baseName(file), file.bytes);
      const readers = weights.map((file) => new RandomReader(file));
      for (;;) {
        throwIfAborted(signal);
        const step = session.convertNext();
        if (step.kind === "done") return;
        if (step.kind === "write") {
          await write(step.bytes);
          report({ phase: "convert", loaded: step.writtenBytes, total: step.outputBytes });
        } else {
          const reader = readers[step.file] as RandomReader;
          await reader.read(step.offset, session.memoryAt(step.pointer, step.size));
        }
      }
    } finally {
      session.destroy();
    }
  };
}

function baseName({ name }: PartedFile): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

async function wholeText(file: PartedFile): Promise<Uint8Array> {
  if (file.bytes > LONGEST_TEXT) throw new ParleyError("LIMIT", `${file.name} has ${file.bytes} bytes.`);
  const text = new Uint8Array(file.bytes);
  await new RandomReader(file).read(0, text);
  return text;
}

/** Bytes from anywhere in a file that is read part by part; the last part is kept. */
class RandomReader {
  readonly #part = new Uint8Array(PART_BYTES);
  #held = -1;
  #heldBytes = 0;

  constructor(private readonly file: PartedFile) {}

  /** Fills `target` with the bytes from `offset` on. */
  async read(offset: number, target: Uint8Array): Promise<void> {
    for (let used = 0; used < target.length; ) {
      await this.#hold(Math.floor((offset + used) / PART_BYTES));
      const at = (offset + used) % PART_BYTES;
      const chunk = this.#part.subarray(at, Math.min(this.#heldBytes, at + target.length - used));
      if (chunk.length === 0) throw new ParleyError("TRUNCATED", `${this.file.name} ends early.`, { offset });
      target.set(chunk, used);
      used += chunk.length;
    }
  }

  async #hold(index: number): Promise<void> {
    if (index === this.#held) return;
    if (index >= this.file.partCount) {
      this.#heldBytes = 0;
      return;
    }
    this.#held = -1;
    this.#heldBytes = await this.file.read(index, this.#part);
    this.#held = index;
  }
}
