// A GPT-2 checkpoint of one layer in Hugging Face's layout, with made-up weights: for tests of conversion and loading.
import { byteTokens } from "../../../web/engine/zero_model";
import { seeded } from "./fault_host";

const WIDTH = 32;
const CONTEXT = 64;

/** The files by name; the weights in as many shards as are asked for. */
export function tinyCheckpoint(seed: number, shards = 1): Map<string, Buffer> {
  const merges = ["h e", "l l", "he ll", "Ġ hell"];
  const vocabulary = [...byteTokens(), "he", "ll", "hell", "Ġhell", "<|endoftext|>"];
  const size = vocabulary.length;
  const config = {
    ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], activation_function: "gelu_new" },
    ...{ n_embd: WIDTH, n_head: 2, n_layer: 1, n_positions: CONTEXT, n_ctx: CONTEXT, vocab_size: size },
    ...{ layer_norm_epsilon: 1e-5, bos_token_id: size - 1, eos_token_id: size - 1 },
  };
  const shapes: [string, number[]][] = [
    ["wte.weight", [size, WIDTH]],
    ["wpe.weight", [CONTEXT, WIDTH]],
    ["h.0.ln_1.weight", [WIDTH]],
    ["h.0.ln_1.bias", [WIDTH]],
    ["h.0.attn.c_attn.weight", [WIDTH, 3 * WIDTH]],
    ["h.0.attn.c_attn.bias", [3 * WIDTH]],
    ["h.0.attn.c_proj.weight", [WIDTH, WIDTH]],
    ["h.0.attn.c_proj.bias", [WIDTH]],
    ["h.0.ln_2.weight", [WIDTH]],
    ["h.0.ln_2.bias", [WIDTH]],
    ["h.0.mlp.c_fc.weight", [WIDTH, 4 * WIDTH]],
    ["h.0.mlp.c_fc.bias", [4 * WIDTH]],
    ["h.0.mlp.c_proj.weight", [4 * WIDTH, WIDTH]],
    ["h.0.mlp.c_proj.bias", [WIDTH]],
    ["ln_f.weight", [WIDTH]],
    ["ln_f.bias", [WIDTH]],
  ];
  const random = seeded(seed);
  const tensors = shapes.map(([name, shape]) => {
    const count = shape.reduce((product, length) => product * length, 1);
    return { name, shape, values: Float32Array.from({ length: count }, () => random() - 0.5) };
  });
  const files = new Map<string, Buffer>([
    ["config.json", Buffer.from(JSON.stringify(config))],
    [
      "vocab.json",
      Buffer.from(JSON.stringify(Object.fromEntries(vocabulary.map((token, id) => [token, id])))),
    ],
    ["merges.txt", Buffer.from(`#version: 0.2\n${merges.join("\n")}\n`)],
  ]);
  const perShard = Math.ceil(tensors.length / shards);
  const map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const digits = (value: number) => String(value).padStart(5, "0");
    const name =
      shards === 1 ? "model.safetensors" : `model-${digits(shard + 1)}-of-${digits(shards)}.safetensors`;
    const own = tensors.slice(shard * perShard, (shard + 1) * perShard);
    for (const tensor of own) map[tensor.name] = name;
    files.set(name, safetensors(own));
  }
  if (shards > 1) {
    const index = { metadata: {}, weight_map: map };
    files.set("model.safetensors.index.json", Buffer.from(JSON.stringify(index)));
  }
  return files;
}

function safetensors(tensors: { name: string; shape: number[]; values: Float32Array }[]): Buffer {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + values.byteLength] };
    at += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...tensors.map(({ values }) => Buffer.from(values.buffer))]);
}
