// Runs the release module's conversion under Node as the page's worker does, on a checkpoint in two shards with a matrix
// of GPT-2's size, in a memory that grows: it must end below the finished model's bytes plus 64 MB.
//
//   node convert_test.mjs DIRECTORY_OF_PARLEY_MJS
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const SMALL_PAGES = 128;
const WIDTH = 768;
const [directory] = process.argv.slice(2);
const { default: createParley } = await import(pathToFileURL(resolve(directory, "parley.mjs")));
const shared = readFileSync(join(directory, "parley.mjs"), "utf8").includes("pthreadPoolSize");

/** GPT-2's printable character for each byte (bytes_to_unicode of its encoder.py). */
function byteTokens() {
  const printable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + others++));
}

/** Weights are a running number's sine, so that every block has another scale. */
function shardOf(shapes) {
  const header = {};
  let size = 0;
  for (const [name, shape] of shapes) {
    const bytes = 4 * shape.reduce((product, dim) => product * dim);
    header[name] = { dtype: "F32", shape, data_offsets: [size, size + bytes] };
    size += bytes;
  }
  const text = Buffer.from(JSON.stringify(header).padEnd(8 * Math.ceil(JSON.stringify(header).length / 8)));
  const values = Float32Array.from({ length: size / 4 }, (_, i) => Math.fround(Math.sin(i) / (1 + (i % 97))));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.from(values.buffer)]);
}

const tokens = [...byteTokens(), "<|endoftext|>"];
const layer = { ln_1: [WIDTH], "attn.c_attn": [WIDTH, 3 * WIDTH], "attn.c_proj": [WIDTH, WIDTH], ln_2: [WIDTH],
  "mlp.c_fc": [WIDTH, 4 * WIDTH], "mlp.c_proj": [4 * WIDTH, WIDTH] };
const first = [["wte.weight", [257, WIDTH]], ["wpe.weight", [64, WIDTH]], ["ln_f.weight", [WIDTH]], ["ln_f.bias", [WIDTH]]];
const second = Object.entries(layer).flatMap(([name, shape]) =>
  [[`h.0.${name}.weight`, shape], [`h.0.${name}.bias`, shape.slice(-1)]]);
const shards = { "1.safetensors": shardOf(first), "2.safetensors": shardOf(second) };
const weightMap = Object.fromEntries([...first.map(([name]) => [name, "1.safetensors"]),
  ...second.map(([name]) => [name, "2.safetensors"])]);
const texts = {
  "config.json": JSON.stringify({ model_type: "gpt2", vocab_size: 257, n_positions: 64, n_embd: WIDTH, n_layer: 1, n_head: 12 }),
  "tokenizer.json": JSON.stringify({
    added_tokens: [{ id: 256, content: "<|endoftext|>", special: true }],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
    model: { type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges: [] },
  }),
  "model.safetensors.index.json": JSON.stringify({ weight_map: weightMap }),
};

async function convert(type) {
  const memory = new WebAssembly.Memory({ initial: SMALL_PAGES, maximum: 65536, shared });
  const module = await createParley({ wasmMemory: memory, pthreadPoolSize: 0 });
  const parley = module._parley_create() >>> 0;
  const read = (bytes) => {
    const view = new DataView(memory.buffer);
    const [data, size] = [view.getUint32(bytes, true), view.getUint32(bytes + 4, true)];
    return Buffer.from(new Uint8Array(memory.buffer).slice(data, data + size)).toString();
  };
  const check = (status) => assert.equal(status, 0, status === 0 ? "" : read((module._parley_error(parley) >>> 0) + 16));
  const put = (text) => {
    const bytes = Buffer.from(text);
    const pointer = module._parley_allocate(Math.max(bytes.length, 1)) >>> 0;
    new Uint8Array(memory.buffer).set(bytes, pointer);
    return [pointer, bytes.length];
  };
  const call = (name, ...words) => {
    const args = words.map((word) => (typeof word === "string" ? put(word) : [word]));
    check(module[name](parley, ...args.flat()));
    for (const [pointer, length] of args) if (length !== undefined) module._parley_release(pointer);
  };
  call("_parley_convert_begin", type, "a name");
  for (const [name, text] of Object.entries(texts)) call("_parley_convert_text", name, text);
  const names = JSON.parse(read(module._parley_result(parley) >>> 0));
  assert.deepEqual(names, Object.keys(shards));
  for (const name of names) call("_parley_convert_weights", name, shards[name].length);
  const written = [];
  for (;;) {
    const step = module._parley_convert_next(parley) >>> 0;
    const view = new DataView(memory.buffer);
    const [offset, done, total] = [0, 8, 16].map((at) => view.getFloat64(step + at, true));
    const [data, size, kind, file] = [24, 28, 32, 36].map((at) => view.getUint32(step + at, true));
    if (kind === 0) {
      new Uint8Array(memory.buffer).set(shards[names[file]].subarray(offset, offset + size), data);
    } else if (kind === 1) {
      written.push(Buffer.from(new Uint8Array(memory.buffer).slice(data, data + size)));
      assert.ok(done <= total);
    } else {
      assert.equal(kind, 2, read((module._parley_error(parley) >>> 0) + 16));
      module._parley_destroy(parley);
      return { gguf: Buffer.concat(written), total, memoryBytes: memory.buffer.byteLength };
    }
  }
}

for (const [type, blockBytes] of [["q8_0", 34], ["q4_0", 18]]) {
  const { gguf, total, memoryBytes } = await convert(type);
  assert.equal(gguf.length, total);
  assert.equal(gguf.toString("latin1", 0, 4), "GGUF");
  const matrices = 12 * WIDTH * WIDTH / 32 * blockBytes;
  assert.ok(gguf.length > matrices && gguf.length < matrices + 1e6, `${gguf.length} bytes`);
  assert.ok(memoryBytes <= gguf.length + 64e6, `${memoryBytes} bytes of memory for a model of ${gguf.length}`);
  console.log(`${type}: ${gguf.length} bytes in a memory of ${memoryBytes}`);
}
// Threads of the pool would keep the process alive.
process.exit(0);
