// A Worker whose other end is in the same process: it answers the calls of contract.ts from a script, can trap, hang and
// die. For tests of the page's side; nothing of the real worker runs.
import * as Comlink from "comlink";
import type {
  GenerationRequest,
  Outcome,
  WorkerApi,
  WorkerEvent,
  WorkerSetup,
} from "../../../web/engine/contract";
import type { ErrorCode } from "../../../web/engine/errors";
import type { Alternatives, ModelInfo, ModelPreset } from "../../../web/engine/types";

export const counts = {
  prompt_tokens: 5,
  cached_tokens: 2,
  completion_tokens: 3,
  context: 64,
  prompt_ms: 30,
  predicted_ms: 20,
  threads: 2,
};

/** What the next replies are made of: texts of tokens, then how each ends. */
export interface Script {
  tokens: string[];
  end: "stop" | "length" | "trap" | "hang" | ErrorCode;
}

export class FakeWorker extends EventTarget {
  static all: FakeWorker[] = [];
  static scripts: Script[] = [];
  static loadError: ErrorCode | null = null;
  static prepareError: ErrorCode | null = null;
  static beginErrors: ErrorCode[] = [];
  static preset: ModelPreset = {};
  static dieWhileLoading = false;
  static missing = false;
  static silent: "prepare" | "load" | "stored" | null = null; // calls that get no answer

  readonly url: string;
  readonly loads: unknown[] = [];
  readonly asked: string[] = []; // of calls that need no model
  readonly requests: GenerationRequest[] = [];
  readonly counted: GenerationRequest[] = [];
  readonly reviews: unknown[] = [];
  readonly cancelled = new Set<number>();
  terminated = false;
  /** Fails the load that has no answer yet. */
  answerLoad: (code: ErrorCode) => void = () => {};
  setup: WorkerSetup | null = null;
  #events: MessagePort | null = null;
  readonly #ends: (() => void)[] = [];
  readonly #channel = new MessageChannel();

  constructor(url: string) {
    super();
    this.url = url;
    FakeWorker.all.push(this);
    if (FakeWorker.missing) {
      setTimeout(() => this.fail(""));
      return;
    }
    Comlink.expose(this.#api(), this.#channel.port2);
    this.#channel.port1.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent("message", { data }));
  }

  static reset(): void {
    for (const worker of FakeWorker.all) worker.terminate();
    FakeWorker.all = [];
    FakeWorker.scripts = [];
    FakeWorker.loadError = null;
    FakeWorker.prepareError = null;
    FakeWorker.beginErrors = [];
    FakeWorker.preset = {};
    FakeWorker.dieWhileLoading = false;
    FakeWorker.missing = false;
    FakeWorker.silent = null;
  }

  static get last(): FakeWorker {
    return FakeWorker.all.at(-1) as FakeWorker;
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    if (!this.terminated) this.#channel.port1.postMessage(message, transfer);
  }

  terminate(): void {
    this.terminated = true;
    for (const letGo of this.#ends) letGo();
    this.#channel.port1.close();
    this.#channel.port2.close();
    this.#events?.close();
  }

  /** As a worker with an uncaught error does. */
  fail(message: string): void {
    this.dispatchEvent(Object.assign(new Event("error", { cancelable: true }), { message }));
  }

  send(event: WorkerEvent): void {
    if (!this.terminated) this.#events?.postMessage(event);
  }

  #api(): WorkerApi {
    const ok = async <T>(value: T): Promise<Outcome<T>> => ({ ok: true, value });
    const never = () => new Promise<never>(() => {});
    const failure = async (code: ErrorCode) => ({
      ok: false as const,
      error: { code, message: `made up: ${code}` },
    });
    return {
      setUp: (setup, port) => {
        this.setup = setup;
        this.#events = port;
        const locks = navigator.locks as LockManager | undefined;
        void locks?.request(setup.lock, () => new Promise<void>((letGo) => this.#ends.push(letGo)));
      },
      catalog: () => ok([]),
      prepare: () => {
        if (FakeWorker.silent === "prepare") return never();
        return FakeWorker.prepareError === null ? ok(undefined) : failure(FakeWorker.prepareError);
      },
      load: (call, source, options) => {
        this.loads.push({ source, options });
        if (FakeWorker.silent === "load")
          return new Promise((resolve) => {
            this.answerLoad = (code) => resolve(failure(code));
          });
        if (FakeWorker.dieWhileLoading) return new Promise(() => this.fail("out of memory"));
        if (FakeWorker.loadError !== null) return failure(FakeWorker.loadError);
        this.send({ kind: "progress", call, progress: { phase: "load", loaded: 1, total: 2 } });
        const id = source.kind === "name" ? source.name : "file";
        return ok({ id, preset: FakeWorker.preset, context: 64, notices: [] } as unknown as ModelInfo);
      },
      begin: async (call, request) => {
        this.requests.push(request);
        const error = FakeWorker.beginErrors.shift();
        if (error !== undefined) return failure(error);
        const script = FakeWorker.scripts.shift() ?? { tokens: [], end: "stop" };
        void this.#run(call, script);
        const count = request.options.find(([name]) => name === "top_logprobs")?.[1];
        const options = { seed: 9, ...(count !== undefined && { top_logprobs: Number(count) }) };
        return ok({ options, dropped: [false], prompt_ids: [1, 2, 3] });
      },
      cancel: (call) => {
        this.cancelled.add(call);
      },
      review: async (call, question) => {
        this.reviews.push(question);
        const error = FakeWorker.beginErrors.shift();
        if (error !== undefined) return failure(error);
        this.send({ kind: "reviewed", call, done: 1, total: 2 });
        return ok({ tokens: [], perplexity: 4 });
      },
      alternatives: (_call, question, index) => {
        this.reviews.push({ ...question, index });
        return ok({ tokens: [] } as unknown as Alternatives);
      },
      attention: (_call, question, index) => {
        this.reviews.push({ ...question, index });
        return ok({ layers: 2, heads: 4, tokens: [], weights: new Float32Array() });
      },
      layers: (_call, question, index) => {
        this.reviews.push({ ...question, index });
        return ok([]);
      },
      tokenize: (text) => ok(Array.from(text, (_, index) => index)),
      detokenize: (ids) => ok(ids.join(" ")),
      countChat: (prompt, options) => {
        this.counted.push({ prompt, options, logprobs: false });
        const { messages } = prompt;
        return ok({ tokens: messages.length, context: 64, dropped: messages.map(() => false) });
      },
      stored: () => {
        this.asked.push("stored");
        return FakeWorker.silent === "stored" ? never() : ok([]);
      },
      verify: () => ok({ ok: true, bad_parts: 0 }),
      export: (id) => ok(new File(["GGUF"], `${id}.gguf`)),
      remove: () => ok(undefined),
      storage: () => ok({ backend: "memory", persisted: false }),
      clear: () => ok(undefined),
      add: (_call, files) => ok(`file:${files[0]?.name}`),
    };
  }

  async #run(call: number, { tokens, end }: Script): Promise<void> {
    const done = (reason: "stop" | "length" | "aborted") =>
      this.send({
        kind: "done",
        call,
        text: "",
        reason,
        counts: { ...counts, completion_tokens: tokens.length },
      });
    for (const [index, text] of tokens.entries()) {
      if (this.cancelled.has(call)) return done("aborted");
      const logprob = { token: text, id: index, logprob: -1, bytes: [65], top_logprobs: [] };
      this.send({ kind: "token", call, id: index, text, logprob });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (end === "hang") {
      if (this.cancelled.has(call)) return done("aborted");
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.terminated) return;
    }
    if (end === "stop" || end === "length") done(end);
    else {
      const code = end === "trap" ? "WORKER_CRASHED" : (end as ErrorCode);
      this.send({ kind: "failed", call, error: { code, message: `made up: ${code}` }, counts });
    }
  }
}
