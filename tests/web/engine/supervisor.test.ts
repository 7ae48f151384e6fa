// What becomes of the model and its worker: loads in place of one another, and a worker that fails, dies or falls silent.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ParleyError } from "../../../web/engine/index";
import { collect, engine, kinds, messages, states, textOf, useEngine } from "../support/engine_page";
import { FakeWorker } from "../support/fake_worker";

vi.mock("../../../web/engine/worker_url", () => ({
  defaultBaseUrl: () => "https://host.example/chat/",
  workerScript: (baseUrl: string) => `${baseUrl}worker.js`,
}));

useEngine();

describe("loading", () => {
  test("the worker gets the base address, the forced build and the options", async () => {
    const progress = vi.fn();
    const info = await engine.load("tiny", { context: 32, threads: 2, onProgress: progress });
    expect(info.id).toBe("tiny");
    expect(FakeWorker.last.url).toBe("https://host.example/chat/worker.js");
    expect(FakeWorker.last.setup).toMatchObject({ baseUrl: "https://host.example/chat/", build: "simd128" });
    expect(FakeWorker.last.loads).toEqual([
      { source: { kind: "name", name: "tiny" }, options: { context: 32, threads: 2, quantization: null } },
    ]);
    expect(progress).toHaveBeenCalledWith({ phase: "load", loaded: 1, total: 2 });
    expect(kinds()).toEqual(["loading", "loading", "ready"]);
  });

  test("a wrong option is BAD_ARG before anything is fetched, and leaves the engine as it was", async () => {
    const wrong = { code: "BAD_ARG", message: expect.stringContaining("threads") };
    await expect(engine.load("tiny", { threads: 2.5 })).rejects.toMatchObject(wrong);
    expect(FakeWorker.all).toHaveLength(0);
    expect(states).toEqual([]);
    await engine.load("tiny");
    await expect(engine.load("other", { threads: -1 })).rejects.toMatchObject(wrong);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "tiny" } });
    const files = [new File(["GGUF"], "mine.gguf")];
    const q5 = { quantization: "q5_0" } as never;
    await expect(engine.models.add(files, q5)).rejects.toMatchObject({ code: "BAD_ARG" });
    await expect(engine.models.add(files, { threads: 2 } as never)).rejects.toMatchObject({
      code: "UNSUPPORTED_OPTION",
    });
  });

  test("a failure is a state and an exception, and the next load starts afresh", async () => {
    FakeWorker.loadError = "HASH_MISMATCH";
    await expect(engine.load("tiny")).rejects.toMatchObject({ code: "HASH_MISMATCH", name: "ParleyError" });
    expect(engine.state).toMatchObject({ state: "failed", code: "HASH_MISMATCH" });
    FakeWorker.loadError = null;
    await engine.load("tiny");
    expect(engine.state.state).toBe("ready");
    expect(FakeWorker.all).toHaveLength(2);
  });

  test("a worker that dies while loading fails that load and is not started again by itself", async () => {
    FakeWorker.dieWhileLoading = true;
    await expect(engine.load("tiny")).rejects.toMatchObject({ code: "WORKER_CRASHED" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(FakeWorker.all).toHaveLength(1);
    expect(engine.state.state).toBe("failed");
  });

  test("a worker whose script is not there is BUILD_FAILED with its address", async () => {
    FakeWorker.missing = true;
    await expect(engine.load("tiny")).rejects.toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("https://host.example/chat/worker.js"),
    });
    FakeWorker.missing = false;
    expect((await engine.load("tiny")).id).toBe("tiny");
  });

  test("a signal that aborts makes it AbortError and idle", async () => {
    const controller = new AbortController();
    const loading = engine.load("tiny", { signal: controller.signal });
    controller.abort();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(engine.state.state).toBe("idle");
  });

  test("another model takes the place of the first, in a fresh worker", async () => {
    await engine.load("one");
    const first = FakeWorker.last;
    await engine.load("two");
    expect(first.terminated).toBe(true);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "two" } });
  });

  test("a model that turns out wrong before it is loaded leaves the first untouched", async () => {
    await engine.load("one");
    const first = FakeWorker.last;
    FakeWorker.prepareError = "BAD_MAGIC";
    await expect(engine.load("two")).rejects.toMatchObject({ code: "BAD_MAGIC" });
    expect(first.terminated).toBe(false);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "one" } });
  });

  test("a worker that dies while another model is looked at is replaced by one with the first", async () => {
    await engine.load("one");
    FakeWorker.silent = "prepare";
    const loading = engine.load("two");
    await vi.waitFor(() => expect(engine.state.state).toBe("loading"));
    FakeWorker.last.fail("out of memory");
    await expect(loading).rejects.toMatchObject({ code: "WORKER_CRASHED" });
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "one" } });
    expect(await engine.tokenize("ab")).toEqual([0, 1]);
    expect(FakeWorker.last.loads).toHaveLength(1);
  });

  test("what a load took that failed is given back before the first model is loaded again", async () => {
    await engine.load("one");
    FakeWorker.silent = "load";
    const loading = engine.load("two");
    await vi.waitFor(() => expect(FakeWorker.all[1]?.loads).toHaveLength(1));
    FakeWorker.silent = null;
    FakeWorker.all[1]?.answerLoad("OOM");
    await expect(loading).rejects.toMatchObject({ code: "OOM" });
    expect(FakeWorker.all.map(({ terminated }) => terminated)).toEqual([true, true, false]);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "one" } });
  });

  test("a signal that aborts before the worker is ready leaves nothing running in it", async () => {
    const controller = new AbortController();
    const loading = engine.load("tiny", { signal: controller.signal });
    while (FakeWorker.all.length === 0) await Promise.resolve();
    controller.abort();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(engine.state.state).toBe("idle");
    await engine.models.stored(); // the worker has had its turn
    expect(FakeWorker.last.loads).toEqual([]);
  });

  test("what needs no model is done again when its worker makes way for another model", async () => {
    await engine.load("one");
    FakeWorker.silent = "stored";
    const stored = engine.models.stored();
    await vi.waitFor(() => expect(FakeWorker.last.asked).toContain("stored"));
    FakeWorker.silent = null;
    await engine.load("two");
    expect(await stored).toEqual([]);
    expect(FakeWorker.last.asked).toContain("stored");
  });

  test("without a model, calls say so", async () => {
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "NOT_LOADED" });
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({ code: "NOT_LOADED" });
    await engine.load("tiny");
    await engine.unload();
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "NOT_LOADED" });
    expect(engine.state.state).toBe("idle");
  });

  test("calls made during a load wait for it", async () => {
    void engine.load("tiny");
    expect(await engine.tokenize("abc")).toEqual([0, 1, 2]);
    expect(await engine.countTokens(messages)).toEqual({ tokens: 1, context: 64, dropped: [false] });
    expect(await engine.countTokens("abcd")).toEqual({ tokens: 4, context: 64, dropped: [] });
  });
});

describe("a worker that fails", () => {
  beforeEach(() => engine.load("tiny"));

  test("R4: a trap rejects the reply with what was delivered, loads the model again, and the next works", async () => {
    FakeWorker.scripts = [
      { tokens: ["a", "b"], end: "trap" },
      { tokens: ["c"], end: "stop" },
    ];
    const { chunks, error } = await collect(await engine.chat.completions.create({ messages, stream: true }));
    expect(textOf(chunks)).toBe("ab");
    expect(error).toBeInstanceOf(ParleyError);
    expect(error).toMatchObject({ code: "WORKER_CRASHED", delivered: { text: "ab", tokens: 2 } });
    const next = await engine.chat.completions.create({ messages });
    expect(next.choices[0]?.message.content).toBe("c");
    expect(FakeWorker.all).toHaveLength(2);
    expect(FakeWorker.last.loads).toEqual(FakeWorker.all[0]?.loads);
    expect(kinds()).toContain("restarting");
    expect(engine.state.state).toBe("ready");
  });

  test("R5: a worker that dies in the middle is replaced, whatever waits goes on after that", async () => {
    FakeWorker.scripts = [
      { tokens: ["a"], end: "hang" },
      { tokens: ["b"], end: "stop" },
    ];
    const running = collect(await engine.chat.completions.create({ messages, stream: true }));
    const waiting = engine.chat.completions.create({ messages });
    await new Promise((resolve) => setTimeout(resolve, 20));
    FakeWorker.last.fail("out of memory");
    expect((await running).error).toMatchObject({
      code: "WORKER_CRASHED",
      message: expect.stringContaining("out of memory"),
    });
    expect((await waiting).choices[0]?.message.content).toBe("b");
  });

  test("R5: when the model cannot be loaded again, that is the state, and calls say so", async () => {
    FakeWorker.loadError = "OOM";
    FakeWorker.last.fail("gone");
    await vi.waitFor(() => expect(engine.state).toMatchObject({ state: "failed", code: "OOM" }));
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({ code: "NOT_LOADED" });
  });

  test("R5: restart() ends what runs and brings the model back", async () => {
    FakeWorker.scripts = [{ tokens: ["a"], end: "hang" }];
    const running = collect(await engine.chat.completions.create({ messages, stream: true }));
    await engine.restart();
    expect((await running).error).toMatchObject({ code: "WORKER_CRASHED" });
    expect(engine.state.state).toBe("ready");
    expect(await engine.tokenize("ab")).toEqual([0, 1]);
  });

  test("R5: restart() while the model is being loaded again begins that anew", async () => {
    FakeWorker.silent = "load";
    const first = expect(engine.restart()).rejects.toMatchObject({ code: "WORKER_CRASHED" });
    await vi.waitFor(() => expect(FakeWorker.all[1]?.loads).toHaveLength(1));
    FakeWorker.silent = null;
    await engine.restart();
    await first;
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "tiny" } });
    expect(await engine.tokenize("ab")).toEqual([0, 1]);
  });

  test("unload() while the model is being loaded again leaves nothing, and no failure", async () => {
    FakeWorker.silent = "load";
    FakeWorker.last.fail("gone");
    await vi.waitFor(() => expect(FakeWorker.all[1]?.loads).toHaveLength(1));
    await engine.unload();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(kinds().slice(-2)).toEqual(["restarting", "idle"]);
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "NOT_LOADED" });
  });

  test("another model waits for one that is being loaded again, and takes its place in a fresh worker", async () => {
    FakeWorker.last.fail("gone");
    expect(engine.state.state).toBe("restarting");
    await engine.load("two");
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "two" } });
    const ids = FakeWorker.all.map(({ loads }) =>
      loads.map((load) => (load as { source: { name: string } }).source.name),
    );
    expect(ids).toEqual([["tiny"], ["tiny"], ["two"]]);
  });

  test("kernels that no longer hold: the model is loaded without relaxed SIMD, and the reply is begun again there", async () => {
    const first = FakeWorker.last;
    expect(first.setup?.relaxed).toBe(true);
    FakeWorker.beginErrors = ["KERNELS_CHANGED"];
    FakeWorker.scripts = [{ tokens: ["a"], end: "stop" }];
    const reply = await engine.chat.completions.create({ messages, seed: 9 });
    expect(reply.choices[0]?.message.content).toBe("a");
    expect(first.terminated).toBe(true);
    expect(FakeWorker.all).toHaveLength(2);
    expect(FakeWorker.last.setup?.relaxed).toBe(false);
    expect(FakeWorker.last.requests).toEqual(first.requests);
    expect(engine.state.state).toBe("ready");
    await engine.restart();
    expect(FakeWorker.last.setup?.relaxed).toBe(false);
  });

  test("kernels that do not hold there either are that call's error", async () => {
    FakeWorker.beginErrors = ["KERNELS_CHANGED", "KERNELS_CHANGED"];
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({
      code: "KERNELS_CHANGED",
    });
    expect(engine.state.state).toBe("ready");
  });

  test("after dispose() everything is refused", async () => {
    FakeWorker.scripts = [{ tokens: ["a"], end: "hang" }];
    const running = collect(await engine.chat.completions.create({ messages, stream: true }));
    await engine.dispose();
    expect((await running).error).toMatchObject({ code: "DISPOSED" });
    expect(FakeWorker.all.every(({ terminated }) => terminated)).toBe(true);
    await expect(engine.load("tiny")).rejects.toMatchObject({ code: "DISPOSED" });
  });
});

describe("R5: a silent worker", () => {
  test("is unresponsive after 30 visible seconds, and well again with its next sign of life", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const page = { visibilityState: "visible" };
    vi.stubGlobal("document", page);
    await engine.load("tiny");
    states.length = 0;
    vi.advanceTimersByTime(29_000);
    expect(engine.state.state).toBe("ready");
    page.visibilityState = "hidden";
    vi.advanceTimersByTime(60_000);
    expect(engine.state.state).toBe("ready");
    page.visibilityState = "visible";
    vi.advanceTimersByTime(1000);
    expect(engine.state).toMatchObject({ state: "unresponsive", seconds: 30 });
    FakeWorker.last.send({ kind: "heartbeat" });
    await vi.waitFor(() => expect(engine.state.state).toBe("ready"));
    expect(FakeWorker.last.terminated).toBe(false);
  });
});
