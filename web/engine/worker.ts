// The worker: owns the wasm session and the stored models, and answers the calls of contract.ts. It runs one reply at a
// time; the page's side queues. It is disposable: the page ends it to free its memory or when it fails.
import * as Comlink from "comlink";
import type { Outcome, WireLoadOptions, WireSource, WorkerApi, WorkerEvent, WorkerSetup } from "./contract";
import { converter } from "./convert";
import { ParleyError, throwIfAborted, toWire } from "./errors";
import { begin, countChat, makeYield, run } from "./generation";
import {
  BuildCache,
  checkFile,
  checkHead,
  firstBuild,
  isFinal,
  type Loaded,
  type LoaderSetup,
  loadFile,
  prefetchBuild,
} from "./loader";
import { browserWorld } from "./models/download";
import { ModelLibrary } from "./models/library";
import { openParts } from "./models/part_store";
import { type ModelFile, openBlob } from "./models/parted_file";
import { alternatives, attention, layers, review, type Step } from "./review";
import { span, timed } from "./spans";
import { warmUp, warmUpBuild } from "./warm_up";
import type { WasmSession } from "./wasm_session";

const HEARTBEAT_MS = 1000;
const UNTOLD: WireLoadOptions = { context: 0, threads: 0, quantization: null }; // before a load says otherwise

// Emscripten's runtime waits on an instance's memory for messages of its threads and so keeps the memory of every instance
// that was let go: of planning, of a build that failed. Without this function it gets them by postMessage.
Reflect.deleteProperty(Atomics, "waitAsync");

let setup: WorkerSetup | null = null;
let events: MessagePort | null = null;
let library: Promise<ModelLibrary> | null = null;
let loaded: Loaded | null = null;
let wanted = false; // a reply was begun since the model was loaded
let arriving = false; // the first model is on its way
let warmed = false; // the core was run meanwhile
let swept = false;
const builds = new BuildCache();
const cancels = new Map<number, AbortController>();
const yieldToMessages = makeYield();

function send(event: WorkerEvent): void {
  events?.postMessage(event);
}

async function outcome<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toWire(error) };
  }
}

/** Runs a call that cancel(call) can stop. */
function cancellable<T>(call: number, work: (signal: AbortSignal) => Promise<T>): Promise<Outcome<T>> {
  const controller = new AbortController();
  cancels.set(call, controller);
  return outcome(() => work(controller.signal)).finally(() => cancels.delete(call));
}

function theSetup(): WorkerSetup {
  if (setup === null) throw new ParleyError("BAD_STATE", "The worker was not set up.");
  return setup;
}

function theLibrary(): Promise<ModelLibrary> {
  const { baseUrl, hub } = theSetup();
  library ??= timed("open storage", openParts()).then(
    (store) =>
      new ModelLibrary(baseUrl, store, browserWorld(), { hub, check, convert: converter(builds, baseUrl) }),
  );
  return library;
}

/** Once, when nobody waits for storage: what is left over costs room, no more. */
function sweep(): void {
  if (swept || library === null) return;
  swept = true;
  void library.then((models) => models.sweep()).catch(() => {});
}

/** A build that would not start, or no memory for it, is the load's to report. */
async function check(head: Uint8Array, fileBytes: number): Promise<void> {
  try {
    await checkHead(head, fileBytes, loaderSetup(UNTOLD), builds);
  } catch (error) {
    if (error instanceof ParleyError && isFinal(error)) throw error;
  }
}

/** While the first model travels; a build that fails here is the load's to report. */
async function warmUpMeanwhile(): Promise<void> {
  if (!arriving || warmed) return;
  warmed = true;
  try {
    const build = await firstBuild(loaderSetup(UNTOLD), builds);
    await warmUpBuild(build, () => !arriving, yieldToMessages);
  } catch {
    // The load comes to the same.
  }
}

function theSession(): WasmSession {
  if (loaded === null) throw new ParleyError("NOT_LOADED", "No model is loaded.");
  return loaded.session;
}

/** Looks at tokens, letting messages through between the steps. */
function reviewing<T>(
  call: number,
  work: (session: WasmSession, step: Step) => Promise<T>,
): Promise<Outcome<T>> {
  return cancellable(call, async (signal) => {
    const session = theSession();
    wanted = true;
    return work(session, async () => {
      await yieldToMessages();
      throwIfAborted(signal);
    });
  });
}

async function openSource(
  call: number,
  source: WireSource,
  { quantization }: WireLoadOptions,
  signal: AbortSignal,
): Promise<ModelFile> {
  if (source.kind === "name") {
    return (await theLibrary()).open(source.name, reporter(call), signal, quantization);
  }
  const files = source.files.map(({ blob, name }) => openBlob(blob, name));
  const [only] = files;
  if (files.length === 1 && only !== undefined && !/\.safetensors$/i.test(only.name)) return only;
  return (await theLibrary()).add(files, quantization ?? "q8_0", reporter(call), signal);
}

function reporter(call: number) {
  return (progress: Extract<WorkerEvent, { kind: "progress" }>["progress"]) => {
    if (progress.phase === "download") void warmUpMeanwhile();
    send({ kind: "progress", call, progress });
  };
}

function loaderSetup({ context, threads }: WireLoadOptions): LoaderSetup {
  const { baseUrl, build, relaxed } = theSetup();
  return { baseUrl, forcedBuild: build, relaxed, context, threads };
}

const api: WorkerApi = {
  async setUp(given, port) {
    span("start worker", 0)();
    setup = given;
    events = port;
    setInterval(() => send({ kind: "heartbeat" }), HEARTBEAT_MS);
    // Held until this worker ends, however it ends: that is how the page learns of it.
    const locks = navigator.locks as LockManager | undefined;
    if (locks === undefined) return;
    await new Promise<void>((granted) => {
      locks
        .request(given.lock, () => {
          granted();
          return new Promise(() => {});
        })
        .catch(() => granted());
    });
  },

  catalog: () =>
    outcome(async () => {
      // Whoever asks what there is will load some of it: the build travels meanwhile.
      try {
        prefetchBuild(loaderSetup(UNTOLD), builds);
      } catch {
        // Loading will say what this browser lacks.
      }
      return (await theLibrary()).catalog();
    }),

  prepare: (call, source, options) =>
    cancellable(call, async (signal) => {
      // What is downloaded into this worker's memory would not outlive it.
      if (source.kind === "name" && (await theLibrary()).isVolatile) return;
      await checkFile(await openSource(call, source, options, signal), loaderSetup(options), builds, signal);
    }),

  load: (call, source, options) =>
    cancellable(call, async (signal) => {
      const given = loaderSetup(options);
      prefetchBuild(given, builds); // travels while the weights do
      arriving = loaded === null;
      const file = await timed("find model", openSource(call, source, options, signal)).finally(() => {
        arriving = false;
      });
      const running = await loadFile(file, given, builds, reporter(call), signal);
      if (signal.aborted) running.session.abandon(); // nobody waits for it any more
      throwIfAborted(signal);
      loaded = running;
      if (source.kind === "name") {
        const models = await theLibrary();
        loaded.info.notices.push(...models.notices);
        await models.remember(file.id, loaded.info.memory.actual_bytes);
      }
      wanted = false;
      void warmUp(loaded.session, () => wanted, yieldToMessages);
      return loaded.info;
    }).finally(sweep),

  begin: (call, request) =>
    outcome(() => {
      const session = theSession();
      wanted = true;
      const begun = begin(session, request);
      const controller = new AbortController();
      cancels.set(call, controller);
      void run(
        session,
        call,
        request.logprobs,
        () => controller.signal.aborted,
        yieldToMessages,
        send,
      ).finally(() => cancels.delete(call));
      return begun;
    }),

  cancel(call) {
    cancels.get(call)?.abort();
  },

  review: (call, question) =>
    reviewing(call, (session, step) =>
      review(session, question, step, (done, total) => send({ kind: "reviewed", call, done, total })),
    ),
  alternatives: (call, question, index) =>
    reviewing(call, (session, step) => alternatives(session, question, index, step)),
  attention: (call, question, index) =>
    reviewing(call, (session, step) => attention(session, question, index, step)),
  layers: (call, question, index) =>
    reviewing(call, (session, step) => layers(session, question, index, step)),

  tokenize: (text, special) => outcome(() => theSession().tokenize(text, special)),

  detokenize: (ids, skipSpecial) => outcome(() => theSession().detokenize(ids, skipSpecial)),

  countChat: (prompt, options) => outcome(() => countChat(theSession(), prompt, options)),

  stored: () => outcome(async () => (await theLibrary()).stored()),
  verify: (id) => outcome(async () => (await theLibrary()).verify(id)),
  export: (id) => outcome(async () => (await theLibrary()).export(id)),
  remove: (id) => outcome(async () => (await theLibrary()).remove(id)),
  storage: () => outcome(async () => (await theLibrary()).storage()),
  clear: () => outcome(async () => (await theLibrary()).clear()),
  add: (call, files, quantization) =>
    cancellable(call, async (signal) => {
      const opened = files.map(({ blob, name }) => openBlob(blob, name));
      return (await (await theLibrary()).add(opened, quantization, reporter(call), signal)).id;
    }),
};

Comlink.expose(api);
