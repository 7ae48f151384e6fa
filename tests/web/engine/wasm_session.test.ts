// The wasm session against a made-up core behind the C interface, and its struct layouts against c_api.h itself.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CORE_CODES, ParleyError } from "../../../web/engine/errors";
import { WasmSession } from "../../../web/engine/wasm_session";
import { FakeCore } from "../support/fake_core";

const repository = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, repository), "utf8");

function make() {
  const core = new FakeCore();
  return { core, session: new WasmSession(core.exports, core.memory) };
}

/** Size and alignment on wasm32 of the types that c_api.h uses in structs. */
function layout(type: string): [size: number, align: number] {
  if (type.endsWith("*") || type === "int32_t" || type === "uint32_t") return [4, 4];
  if (type === "double") return [8, 8];
  if (type === "ParleyBytes") return [8, 4];
  throw new Error(`unknown type ${type}`);
}

function offsetsOf(struct: string): Record<string, number> {
  const body = new RegExp(`typedef struct ${struct} \\{([^}]*)\\}`).exec(read("src/wasm/c_api.h"))?.[1] ?? "";
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const line of body.split("\n")) {
    const field = /^\s*((?:const )?\w+\*?)\s+(\w+);/.exec(line);
    if (field === null) continue;
    const [size, align] = layout(field[1] as string);
    at = Math.ceil(at / align) * align;
    offsets[field[2] as string] = at;
    at += size;
  }
  return offsets;
}

describe("layout", () => {
  test("the error codes are those of result.h, by number", () => {
    const enumerators = [...read("src/base/result.h").matchAll(/^ {2}k(\w+) = (\d+),/gm)];
    expect(enumerators.length).toBeGreaterThan(20);
    for (const [, name, number] of enumerators) {
      const upper = (name as string).replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
      expect(CORE_CODES[Number(number)]).toBe(upper);
    }
  });

  // The fake core writes at these offsets, so the session's reading of them is tested below.
  test("the structs of c_api.h lie where the session reads them", () => {
    expect(offsetsOf("ParleyBytes")).toEqual({ data: 0, size: 4 });
    expect(offsetsOf("ParleyError")).toEqual({ code: 0, has_offset: 4, offset: 8, message: 16 });
    expect(offsetsOf("ParleyAlternative")).toEqual({ logprob: 0, id: 8, reserved: 12 });
    expect(offsetsOf("ParleyScore")).toEqual({ logprob: 0, entropy: 8, id: 16, rank: 20 });
    expect(offsetsOf("ParleyConvertStep")).toEqual({
      offset: 0,
      written_bytes: 8,
      output_bytes: 16,
      data: 24,
      size: 28,
      kind: 32,
      file: 36,
    });
    expect(offsetsOf("ParleyEvent")).toEqual({
      logprob: 0,
      text: 8,
      alternatives: 16,
      n_alternatives: 20,
      kind: 24,
      id: 28,
      reason: 32,
      prompt_tokens: 36,
      cached_tokens: 40,
      prefilled_tokens: 44,
      completion_tokens: 48,
      context: 52,
      threads: 56,
    });
  });

  test("every function of c_api.h has its export in the session's interface", () => {
    const declared = [...read("src/wasm/c_api.h").matchAll(/\b(parley_\w+)\(/g)].map(
      ([, name]) => `_${name}`,
    );
    expect(declared.length).toBeGreaterThan(20);
    expect(Object.keys(new FakeCore().exports).sort()).toEqual([...new Set(declared)].sort());
  });
});

describe("calls", () => {
  test("options, messages and format cross as text, and all memory is released", () => {
    const { core, session } = make();
    session.setOptions([
      ["stop", "\nUser:"],
      ["temperature", "0.5"],
    ]);
    session.setMessages([{ role: "user", content: "Grüße 你好", pinned: true }]);
    session.setChatFormat("eos_turns");
    session.setChatFormat("eos_turns");
    expect(core.calls).toEqual([
      ["clear_options"],
      ["set_option", "stop", "\nUser:"],
      ["set_option", "temperature", "0.5"],
      ["clear_messages"],
      ["add_message", "user", "Grüße 你好", 1],
      ["set_chat_format", "eos_turns"],
    ]);
    expect(core.live.size).toBe(0);
  });

  test("a failure has the core's code, message and offset, and releases its memory", () => {
    const { core, session } = make();
    core.failures.set("plan", { code: 2, message: "this is an HTML page", offset: 0 });
    const error = (() => {
      try {
        session.plan(new Uint8Array([60]), 1, 0, 1);
      } catch (thrown) {
        return thrown;
      }
      return null;
    })();
    expect(error).toBeInstanceOf(ParleyError);
    expect(error).toMatchObject({ code: "BAD_MAGIC", message: "this is an HTML page", offset: 0 });
    expect(core.live.size).toBe(0);
  });

  test("an error without an offset has none", () => {
    const { core, session } = make();
    core.failures.set("set_option", { code: 18, message: "top_k" });
    expect(() => session.setOptions([["top_k", "-1"]])).toThrow(
      expect.objectContaining({ code: "BAD_ARG", offset: undefined }),
    );
  });

  test("a header that goes on asks for more, unless the file ends there", () => {
    const { core, session } = make();
    core.failures.set("plan", { code: 1, message: "the header ends early" });
    expect(session.plan(new Uint8Array(8), 100, 0, 1)).toBeNull();
    expect(() => session.plan(new Uint8Array(8), 8, 0, 1)).toThrow(
      expect.objectContaining({ code: "TRUNCATED" }),
    );
  });

  test("the plan comes back as numbers", () => {
    const { core, session } = make();
    core.setResult({ total_bytes: 123, context: 512 });
    expect(session.plan(new Uint8Array([1, 2, 3]), 1e10, 512, 2)).toEqual({ total_bytes: 123, context: 512 });
    expect(core.calls).toEqual([["plan", [1, 2, 3], 1e10, 512, 2]]);
  });

  test("token ids are 32-bit numbers in both directions", () => {
    const { core, session } = make();
    core.result = new Uint8Array(Int32Array.of(5, 8191, 0).buffer);
    expect(session.tokenize("a", true)).toEqual([5, 8191, 0]);
    core.result = new TextEncoder().encode("naïve");
    expect(session.detokenize([1, 2], false)).toBe("naïve");
    expect(core.calls).toEqual([
      ["tokenize", "a", 1],
      ["detokenize", [1, 2], 0],
    ]);
  });

  test("a review's scores are read as they lie, and nothing yet is null", () => {
    const { core, session } = make();
    const scores = new DataView(new ArrayBuffer(48));
    for (const [index, rank] of [1, 7].entries()) {
      scores.setFloat64(24 * index, -0.5 - index, true);
      scores.setFloat64(24 * index + 8, 2.25, true);
      scores.setInt32(24 * index + 16, 40 + index, true);
      scores.setUint32(24 * index + 20, rank, true);
    }
    const trace = { left: [3], tokens: [{ id: 4, probabilities: [1], removed_by: null }] };
    const json = new TextEncoder().encode(JSON.stringify(trace));
    core.setResult({ ids: [1, 40, 41], begin: 1 });
    expect(session.reviewReply([40, 41])).toEqual({ ids: [1, 40, 41], begin: 1 });
    expect(session.reviewReply("grüß")).toEqual({ ids: [1, 40, 41], begin: 1 });
    expect(session.reviewText("x")).toEqual({ ids: [1, 40, 41], begin: 1 });
    core.reviewResults = [new Uint8Array(), new Uint8Array(scores.buffer), new Uint8Array(), json];
    expect(session.reviewNext()).toEqual([]);
    expect(session.reviewNext()).toEqual([
      { id: 40, logprob: -0.5, entropy: 2.25, rank: 1 },
      { id: 41, logprob: -1.5, entropy: 2.25, rank: 7 },
    ]);
    expect(session.reviewToken(2)).toBeNull();
    expect(session.reviewToken(2)).toEqual(trace);
    expect(core.calls).toEqual([
      ["review_reply", [40, 41], ""],
      ["review_reply", [], "grüß"],
      ["review_text", "x"],
      ["review_next"],
      ["review_next"],
      ["review_token", 2],
      ["review_token", 2],
    ]);
    expect(core.live.size).toBe(0);
  });

  test("the bytes of a token are asked for once", () => {
    const { core, session } = make();
    expect(new TextDecoder().decode(session.tokenBytes(7))).toBe("<7>");
    session.tokenBytes(7);
    expect(core.calls.filter(([name]) => name === "token_bytes")).toHaveLength(1);
  });
});

describe("events", () => {
  test("a token has its bytes, log-probability and alternatives", () => {
    const { core, session } = make();
    core.events = [
      {
        kind: 1,
        id: 42,
        text: new Uint8Array([0xe4, 0xbd]),
        logprob: -0.25,
        alternatives: [
          { id: 42, logprob: -0.25 },
          { id: 3, logprob: -1.5 },
        ],
        completionTokens: 1,
      },
    ];
    expect(session.next()).toEqual({
      kind: "token",
      id: 42,
      text: new Uint8Array([0xe4, 0xbd]),
      logprob: -0.25,
      alternatives: [
        { id: 42, logprob: -0.25 },
        { id: 3, logprob: -1.5 },
      ],
      reason: "stop",
      prompt_tokens: 7,
      cached_tokens: 3,
      prefilled_tokens: 4,
      completion_tokens: 1,
      context: 512,
      threads: 2,
    });
  });

  test("the text of an event is a copy that later calls leave alone", () => {
    const { core, session } = make();
    core.events = [{ kind: 1, text: new Uint8Array([65]) }];
    const { text } = session.next();
    new Uint8Array(core.memory.buffer).fill(0);
    expect(text).toEqual(new Uint8Array([65]));
  });

  test("a conversion asks for bytes of its files and hands out what it made", () => {
    const { core, session } = make();
    core.convertReads = [{ file: 1, offset: 2 ** 33, size: 3 }];
    session.convertBegin("q8_0", "me/it");
    session.convertText("config.json", new TextEncoder().encode("{}"));
    session.convertWeights("model.safetensors", 2 ** 34);
    expect(core.calls).toEqual([
      ["convert_begin", "q8_0", "me/it"],
      ["convert_text", "config.json", "{}"],
      ["convert_weights", "model.safetensors", 2 ** 34],
    ]);
    expect(core.live.size).toBe(0);
    const step = session.convertNext();
    expect(step).toMatchObject({ kind: "read", file: 1, offset: 2 ** 33, size: 3 });
    if (step.kind === "read") session.memoryAt(step.pointer, 3).set([1, 2, 3]);
    expect(session.convertNext()).toEqual({
      kind: "write",
      bytes: new Uint8Array([2, 4, 6]),
      writtenBytes: 3,
      outputBytes: 6,
    });
    expect(session.convertNext()).toEqual({ kind: "done" });
    core.failures.set("convert_next", { code: 1, message: "cut off", offset: 9 });
    expect(() => session.convertNext()).toThrow(expect.objectContaining({ code: "TRUNCATED", offset: 9 }));
  });

  test("I3: non-finite logits are an error and the session goes on", () => {
    const { core, session } = make();
    core.events = [{ kind: 3 }, { kind: 2, reason: 2 }];
    expect(() => session.next()).toThrow(expect.objectContaining({ code: "NONFINITE" }));
    expect(session.next()).toMatchObject({ kind: "done", reason: "length" });
  });
});
