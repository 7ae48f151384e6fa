// The model of zeros against the GGUF format's own description (gguf.md of ggml's documentation).
import { expect, test } from "vitest";
import { zeroModel } from "../../../web/engine/zero_model";

const TYPES: Record<number, { block: number; bytes: number }> = {
  0: { block: 1, bytes: 4 }, // F32
  2: { block: 32, bytes: 18 }, // Q4_0
  8: { block: 32, bytes: 34 }, // Q8_0
};

class Reader {
  at = 0;
  readonly #view: DataView;
  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer);
  }
  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }
  u64(): number {
    this.at += 8;
    return Number(this.#view.getBigUint64(this.at - 8, true));
  }
  text(): string {
    const length = this.u64();
    this.at += length;
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.at - length, length));
  }
  value(type: number): unknown {
    if (type === 4) return this.u32();
    if (type === 6) return new Float32Array(new Uint32Array([this.u32()]).buffer)[0];
    if (type === 8) return this.text();
    expect(type).toBe(9);
    const element = this.u32();
    return Array.from({ length: this.u64() }, () => this.value(element));
  }
}

test("its header is one of a GPT-2 with a vocabulary of bytes, its tensors fill the file", () => {
  const file = zeroModel();
  const reader = new Reader(file);
  expect(new TextDecoder().decode(file.subarray(0, 4))).toBe("GGUF");
  reader.at = 4;
  expect(reader.u32()).toBe(3);
  const tensors = reader.u64();
  const entries = Object.fromEntries(
    Array.from({ length: reader.u64() }, () => [reader.text(), reader.value(reader.u32())]),
  );
  expect(entries).toMatchObject({
    "general.architecture": "gpt2",
    "gpt2.embedding_length": 256,
    "gpt2.feed_forward_length": 1024,
    "gpt2.attention.head_count": 4,
    "gpt2.context_length": 512,
    "gpt2.block_count": 2,
    "tokenizer.ggml.merges": [],
  });
  expect(entries["gpt2.attention.layer_norm_epsilon"]).toBeCloseTo(1e-5);
  const tokens = entries["tokenizer.ggml.tokens"] as string[];
  expect(new Set(tokens).size).toBe(256);
  expect([tokens[0], tokens[32], tokens[65], tokens[173]]).toEqual(["\u0100", "\u0120", "A", "\u0143"]);

  let end = 0;
  const types = new Set<number>();
  for (let index = 0; index < tensors; index++) {
    reader.text();
    const shape = Array.from({ length: reader.u32() }, () => reader.u64());
    const number = reader.u32();
    const { block, bytes } = TYPES[number] as { block: number; bytes: number };
    types.add(number);
    expect((shape[0] as number) % block).toBe(0);
    expect(reader.u64()).toBe(Math.ceil(end / 32) * 32);
    end = Math.ceil(end / 32) * 32 + (shape.reduce((product, length) => product * length, 1) / block) * bytes;
  }
  expect(types).toEqual(new Set([0, 2, 8]));
  const data = Math.ceil(reader.at / 32) * 32;
  expect(file.length).toBe(data + Math.ceil(end / 32) * 32);
  expect(file.subarray(reader.at).every((byte) => byte === 0)).toBe(true);
});
