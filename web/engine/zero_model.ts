// A GGUF file of GPT-2's architecture with a layer in Q8_0 and one in Q4_0, a vocabulary of single bytes, and weights that
// are all zero: something to run before there is a model. The format is described in gguf.md of ggml's documentation.

const WIDTH = 256;
const HEADS = 4; // of 64, as GPT-2's
const CONTEXT = 512;
const ALIGNMENT = 32;

// Numbers of the format: types of metadata values, types of tensors.
const U32 = 4;
const F32 = 6;
const STRING = 8;
const ARRAY = 9;
const TENSOR_TYPES = { F32: 0, Q4_0: 2, Q8_0: 8 } as const;
const BLOCK_BYTES = { Q4_0: 18, Q8_0: 34 } as const; // of 32 weights

type MatrixType = keyof typeof BLOCK_BYTES;
const LAYERS: readonly MatrixType[] = ["Q8_0", "Q4_0"];
type Tensor = { name: string; shape: readonly number[]; type: keyof typeof TENSOR_TYPES };

/** Little-endian numbers and texts, one after another. */
class Bytes {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  raw(part: Uint8Array): this {
    this.#parts.push(part);
    this.length += part.length;
    return this;
  }

  u32(value: number): this {
    return this.raw(new Uint8Array(new Uint32Array([value]).buffer));
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  f32(value: number): this {
    return this.raw(new Uint8Array(new Float32Array([value]).buffer));
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.length).raw(bytes);
  }

  /** All of it in the first bytes of a file of `size` bytes, zeros behind it. */
  file(size: number): Uint8Array {
    const file = new Uint8Array(size);
    let at = 0;
    for (const part of this.#parts) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }
}

/** GPT-2's alphabet: every byte as a character that can be seen (OpenAI's bytes_to_unicode). */
export function byteTokens(): string[] {
  let unseen = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const seen = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(seen ? byte : 256 + unseen++);
  });
}

const vector = (name: string, length: number): Tensor => ({ name, shape: [length], type: "F32" });
const norm = (name: string) => [vector(`${name}.weight`, WIDTH), vector(`${name}.bias`, WIDTH)];

function layer(index: number, type: MatrixType): Tensor[] {
  const linear = (name: string, outputs: number, inputs: number): Tensor[] => [
    { name: `blk.${index}.${name}.weight`, shape: [inputs, outputs], type },
    vector(`blk.${index}.${name}.bias`, outputs),
  ];
  return [
    ...norm(`blk.${index}.attn_norm`),
    ...linear("attn_qkv", 3 * WIDTH, WIDTH),
    ...linear("attn_output", WIDTH, WIDTH),
    ...norm(`blk.${index}.ffn_norm`),
    ...linear("ffn_up", 4 * WIDTH, WIDTH),
    ...linear("ffn_down", WIDTH, 4 * WIDTH),
  ];
}

function bytesOf({ shape, type }: Tensor): number {
  const values = shape.reduce((product, length) => product * length, 1);
  return type === "F32" ? values * 4 : (values / 32) * BLOCK_BYTES[type];
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** The file, of 1.9 MB. */
export function zeroModel(): Uint8Array {
  const tokens = byteTokens();
  const all: Tensor[] = [
    { name: "token_embd.weight", shape: [WIDTH, tokens.length], type: "Q8_0" },
    { name: "position_embd.weight", shape: [WIDTH, CONTEXT], type: "F32" },
    ...LAYERS.flatMap((type, index) => layer(index, type)),
    ...norm("output_norm"),
  ];
  const numbers = {
    context_length: CONTEXT,
    embedding_length: WIDTH,
    block_count: LAYERS.length,
    feed_forward_length: 4 * WIDTH,
    "attention.head_count": HEADS,
  };
  const texts = { "general.architecture": "gpt2", "tokenizer.ggml.model": "gpt2" };
  const entries = Object.keys(numbers).length + Object.keys(texts).length + 3;

  const header = new Bytes().raw(new TextEncoder().encode("GGUF")).u32(3).u64(all.length).u64(entries);
  for (const [key, value] of Object.entries(texts)) header.text(key).u32(STRING).text(value);
  for (const [key, value] of Object.entries(numbers)) header.text(`gpt2.${key}`).u32(U32).u32(value);
  header.text("gpt2.attention.layer_norm_epsilon").u32(F32).f32(1e-5);
  for (const [key, values] of [
    ["tokens", tokens],
    ["merges", []],
  ] as const) {
    header.text(`tokenizer.ggml.${key}`).u32(ARRAY).u32(STRING).u64(values.length);
    for (const value of values) header.text(value);
  }
  let offset = 0;
  for (const tensor of all) {
    header.text(tensor.name).u32(tensor.shape.length);
    for (const length of tensor.shape) header.u64(length);
    header.u32(TENSOR_TYPES[tensor.type]).u64(offset);
    offset += aligned(bytesOf(tensor));
  }
  return header.file(aligned(header.length) + offset);
}
