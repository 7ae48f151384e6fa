// Runs the release module under Node as the page's worker does: plans in a small instance, makes a memory of exactly the
// planned size, streams the bundled model in, continues the golden prompts greedily and compares ids with native ones.
//
//   node module_test.mjs DIRECTORY_OF_PARLEY_MJS THREADS...
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const PAGE = 65536;
const PART = 4 << 20;
const SMALL_PAGES = 128; // enough to plan in
const source = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const [directory, ...threadCounts] = process.argv.slice(2);
const { default: createParley } = await import(pathToFileURL(resolve(directory, "parley.mjs")));
// Builds with threads want a shared memory, and take the size of their pool.
const shared = readFileSync(join(directory, "parley.mjs"), "utf8").includes("pthreadPoolSize");

function readModel() {
  const folder = join(source, "models/parley-17m");
  const parts = readdirSync(folder).filter((name) => name.endsWith(".part")).sort();
  return Buffer.concat(parts.map((name) => readFileSync(join(folder, name))));
}

class Instance {
  static async start(memory, pthreadPoolSize) {
    const module = await createParley({ wasmMemory: memory, pthreadPoolSize });
    return new Instance(module, memory);
  }
  constructor(module, memory) {
    this.module = module;
    this.memory = memory;
    this.parley = module._parley_create() >>> 0;
    assert.notEqual(this.parley, 0);
  }
  get bytes() {
    return new Uint8Array(this.memory.buffer);
  }
  get view() {
    return new DataView(this.memory.buffer);
  }
  read(bytes) {
    const [data, size] = [this.view.getUint32(bytes, true), this.view.getUint32(bytes + 4, true)];
    return Buffer.from(this.bytes.slice(data, data + size));
  }
  result() {
    return this.read(this.module._parley_result(this.parley) >>> 0);
  }
  check(status) {
    if (status === 0) return;
    const error = this.module._parley_error(this.parley) >>> 0;
    throw new Error(`code ${-status}: ${this.read(error + 16)}`);
  }
  withBytes(bytes, call) {
    const pointer = this.module._parley_allocate(bytes.length) >>> 0;
    assert.notEqual(pointer, 0, `no room for ${bytes.length} bytes`);
    this.bytes.set(bytes, pointer);
    try {
      return call(pointer, bytes.length);
    } finally {
      this.module._parley_release(pointer);
    }
  }
  plan(file, context, threads) {
    this.withBytes(file.subarray(0, PART), (pointer, size) =>
      this.check(this.module._parley_plan(this.parley, pointer, size, file.length, context, threads)));
    return JSON.parse(this.result());
  }
  load(file, context, threads) {
    const { staged_parts } = this.plan(file, context, threads);
    this.check(this.module._parley_load_begin(this.parley, file.length, context, threads, 1));
    const places = Array.from({ length: staged_parts }, () => this.module._parley_allocate(PART) >>> 0);
    assert.ok(places.every((place) => place !== 0), "no room for the parts being read and repacked");
    for (let at = 0; at < file.length; at += PART) {
      const part = file.subarray(at, at + PART);
      places.reverse();
      this.bytes.set(part, places[0]);
      this.check(this.module._parley_load_write(this.parley, places[0], part.length));
    }
    this.check(this.module._parley_open(this.parley));
    for (const place of places) this.module._parley_release(place);
    return JSON.parse(this.result());
  }
  setOption(name, value) {
    this.withBytes(Buffer.from(name), (n, nameSize) =>
      this.withBytes(Buffer.from(String(value)), (v, valueSize) =>
        this.check(this.module._parley_set_option(this.parley, n, nameSize, v, valueSize))));
  }
  addMessage(role, text) {
    this.withBytes(Buffer.from(role), (r, roleSize) =>
      this.withBytes(Buffer.from(text), (t, textSize) =>
        this.check(this.module._parley_add_message(this.parley, r, roleSize, t, textSize, 0))));
  }
  /** Steps to the end of what was begun: ids and text. */
  finish() {
    const ids = [];
    const text = [];
    for (;;) {
      const event = this.module._parley_next(this.parley) >>> 0;
      const kind = this.view.getInt32(event + 24, true);
      text.push(this.read(event + 8));
      if (kind === 1) ids.push(this.view.getInt32(event + 28, true));
      if (kind === 2) return { ids, text: Buffer.concat(text).toString() };
      if (kind === 3) this.check(-1);
    }
  }
  complete(prompt, maxTokens) {
    this.check(this.module._parley_clear_options(this.parley));
    for (const [name, value] of Object.entries({ temperature: 0, seed: 1, max_tokens: maxTokens, ignore_eos: true })) {
      this.setOption(name, value);
    }
    this.withBytes(Buffer.from(prompt), (pointer, size) =>
      this.check(this.module._parley_begin_completion(this.parley, pointer, size, 1)));
    return this.finish();
  }
}

function exactMemory(bytes) {
  const pages = Math.ceil(bytes / PAGE);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
}

const file = readModel();
const golden = JSON.parse(readFileSync(join(source, "tests/golden/exactness.json")));
const expected = golden.models["parley-17m"].ids;

for (const text of threadCounts) {
  const threads = Number(text);
  const small = await Instance.start(new WebAssembly.Memory({ initial: SMALL_PAGES, maximum: 65536, shared }), 0);
  for (const context of [0, 64]) {
    const plan = small.plan(file, context, threads);
    const memory = exactMemory(plan.total_bytes);
    const instance = await Instance.start(memory, threads - 1);
    const opened = instance.load(file, context, threads);
    assert.deepEqual(opened.plan, plan);
    assert.equal(opened.chat_format, "role_tokens");

    // A chat over several turns, with a text near the context's length, in the same memory.
    instance.check(instance.module._parley_clear_options(instance.parley));
    for (const [name, value] of Object.entries({ temperature: 0.7, seed: 7, top_logprobs: 20 })) instance.setOption(name, value);
    for (let turn = 0; turn < 3; ++turn) {
      instance.addMessage("user", turn === 1 ? "and ".repeat(plan.context / 4) : "Hello, how are you?");
      instance.check(instance.module._parley_begin_chat(instance.parley));
      const reply = instance.finish();
      assert.ok(reply.ids.length > 0);
      instance.addMessage("assistant", reply.text);
    }

    let compared = 0;
    if (context === 0) {
      for (const [index, prompt] of golden.prompts.entries()) {
        assert.deepEqual(instance.complete(prompt, 64).ids, expected[index], `ids of prompt ${index}`);
        ++compared;
      }
    }
    assert.equal(memory.buffer.byteLength, Math.ceil(plan.total_bytes / PAGE) * PAGE);
    console.log(
      `threads ${threads}, context ${plan.context}: ${opened.kernels} in ${plan.total_bytes} bytes, ${compared} prompts as native`,
    );
    instance.module._parley_destroy(instance.parley);
  }
}
// Threads of the pool would keep the process alive.
process.exit(0);
