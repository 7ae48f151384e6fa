// From a model file to a session that runs it: plans in a small instance, takes exactly that memory, streams the parts
// into the core, and goes down the ladder of builds when one fails. The model's bytes come from models/library.ts.

import { chooseThreads, type Features, ladder, probe, usesThreads } from "./builds";
import type { Pointer } from "./c_api";
import { isAbortError, ParleyError, throwIfAborted } from "./errors";
import { makeYield } from "./generation";
import type { Report } from "./models/library";
import { type ModelFile, PART_BYTES } from "./models/parted_file";
import { ReadAhead } from "./models/read_ahead";
import { span, timed } from "./spans";
import type { BuildName, ModelInfo, Notice } from "./types";
import { type CompiledBuild, fetchBuild, makeMemory, startBuild } from "./wasm_module";
import type { Opened, Plan, WasmSession } from "./wasm_session";

export interface LoaderSetup {
  baseUrl: string;
  forcedBuild: BuildName | null;
  relaxed: boolean; // false: no build with relaxed SIMD
  context: number;
  threads: number; // 0: chosen here
}

export interface Loaded {
  session: WasmSession;
  info: ModelInfo;
}

const PLANNING_BYTES = 32 << 20;
const PLANNING_MOST_BYTES = 512 << 20;
const LONGEST_HEADER_PARTS = 32; // 128 MiB
const yieldToMessages = makeYield();

/** Builds, fetched once for planning and running. Several calls may wait for one: it is not called off with any of them. */
export class BuildCache {
  readonly #builds = new Map<BuildName, Promise<CompiledBuild>>();

  get(name: BuildName, baseUrl: string): Promise<CompiledBuild> {
    let build = this.#builds.get(name);
    if (build === undefined) {
      build = timed("compile", fetchBuild(name, baseUrl));
      build.catch(() => this.#builds.delete(name));
      this.#builds.set(name, build);
    }
    return build;
  }
}

/** The builds to try and the threads to use. UNSUPPORTED_BROWSER where there are none. */
function candidates(setup: LoaderSetup): { names: BuildName[]; threads: number; features: Features } {
  const features = probe();
  if (!setup.relaxed) features.relaxed = false;
  const threads = chooseThreads(setup.threads, navigator.hardwareConcurrency);
  const forcedThreads = setup.forcedBuild !== null && usesThreads(setup.forcedBuild);
  return {
    names: ladder(features, forcedThreads ? Math.max(2, threads) : threads, setup.forcedBuild),
    threads,
    features,
  };
}

/** The build that will be tried first. Throws at once UNSUPPORTED_BROWSER where there is none. */
export function firstBuild(setup: LoaderSetup, cache: BuildCache): Promise<CompiledBuild> {
  const [first] = candidates(setup).names;
  if (first === undefined) throw new ParleyError("UNSUPPORTED_BROWSER", "No build runs in this browser.");
  return cache.get(first, setup.baseUrl);
}

/**
 * Fetches the build that will be tried first, while something else goes on; what fails is tried again later. Throws as
 * `firstBuild`.
 */
export function prefetchBuild(setup: LoaderSetup, cache: BuildCache): void {
  firstBuild(setup, cache).catch(() => {});
}

/** Errors of the file itself: another build would say the same. */
export function isFinal(error: unknown): boolean {
  if (isAbortError(error)) return true;
  if (!(error instanceof ParleyError)) return false; // a trap, or a build that would not start
  return !["BUILD_FAILED", "HTTP_STATUS", "OOM"].includes(error.code);
}

/** Runs `work` with each build that the browser has, best first, until one succeeds. */
async function withBuild<T>(
  setup: LoaderSetup,
  cache: BuildCache,
  notices: Notice[],
  signal: AbortSignal,
  work: (build: CompiledBuild, threads: number) => Promise<T>,
): Promise<T> {
  const { names, threads, features } = candidates(setup);
  if (threads > 1 && !features.threads) {
    notices.push({ code: "SINGLE_THREAD", detail: features.isolated ? "no shared memory" : "not isolated" });
  }
  if (!setup.relaxed)
    notices.push({ code: "BUILD_FALLBACK", detail: "relaxed SIMD changed what it computes" });
  const failures: unknown[] = [];
  for (const name of names) {
    throwIfAborted(signal);
    try {
      const build = await cache.get(name, setup.baseUrl);
      throwIfAborted(signal);
      const result = await work(build, usesThreads(name) ? threads : 1);
      if (failures.length > 0) {
        const detail = `${names[0]}: ${messageOf(failures[0])}`;
        const single = usesThreads(names[0] as BuildName) && !usesThreads(name);
        notices.push(single ? { code: "SINGLE_THREAD", detail } : { code: "BUILD_FALLBACK", detail });
      }
      return result;
    } catch (error) {
      throwIfAborted(signal);
      if (isFinal(error)) throw error;
      failures.push(error);
    }
  }
  throw summary(failures);
}

/** What to say when every build failed. */
function summary(failures: readonly unknown[]): ParleyError {
  const oom = failures.find((error) => error instanceof ParleyError && error.code === "OOM");
  if (oom instanceof ParleyError) return oom;
  // A set that is gone from the host altogether was replaced by a newer one (row R8).
  const gone = failures.every((error) => error instanceof ParleyError && error.code === "HTTP_STATUS");
  const text = failures.map(messageOf).join(" ");
  if (gone)
    return new ParleyError("BUILD_MISMATCH", `The wasm files of this page are not on the host: ${text}`);
  return new ParleyError("BUILD_FAILED", `No wasm build could be started: ${text}`, { cause: failures[0] });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An instance of one thread with the little memory that planning takes, which may grow. */
export function startSmall(build: CompiledBuild): Promise<WasmSession> {
  return startBuild(build, makeMemory(build.name, PLANNING_BYTES, PLANNING_MOST_BYTES), 0);
}

/** The file's first part, in which most headers end. */
async function readHead(file: ModelFile): Promise<Uint8Array> {
  const head = new Uint8Array(PART_BYTES);
  return file.partCount === 0 ? head.subarray(0, 0) : head.subarray(0, await file.read(0, head));
}

/** Reads as much of the file as its header needs and says what running it takes. The instance starts while `head` arrives. */
async function makePlan(
  build: CompiledBuild,
  file: ModelFile,
  head: Promise<Uint8Array>,
  context: number,
  threads: number,
): Promise<Plan> {
  const session = await startSmall(build);
  try {
    let prefix = await head;
    for (let parts = 1; ; parts++) {
      const plan = session.plan(prefix, file.bytes, context, threads);
      if (plan !== null) return plan;
      if (parts >= Math.min(file.partCount, LONGEST_HEADER_PARTS)) break;
      const longer = new Uint8Array(prefix.length + PART_BYTES);
      longer.set(prefix);
      const bytes = await file.read(parts, longer.subarray(prefix.length));
      prefix = longer.subarray(0, prefix.length + bytes);
    }
    throw new ParleyError("TRUNCATED", `The header of ${file.name} does not end.`, { offset: prefix.length });
  } finally {
    session.destroy();
  }
}

/** Checks that a file is a model that can run here, without touching a session that is running. */
export async function checkFile(
  file: ModelFile,
  setup: LoaderSetup,
  cache: BuildCache,
  signal: AbortSignal,
): Promise<Plan> {
  const head = readHead(file);
  head.catch(() => {}); // the first build to need it reports what is wrong
  return withBuild(setup, cache, [], signal, (build, threads) =>
    makePlan(build, file, head, setup.context, threads),
  );
}

/** Checks the beginning of a file that is still arriving; what it cannot tell yet is left to the load. */
export async function checkHead(
  head: Uint8Array,
  fileBytes: number,
  setup: LoaderSetup,
  cache: BuildCache,
): Promise<void> {
  const session = await startSmall(await firstBuild(setup, cache));
  try {
    session.plan(head, fileBytes, setup.context, 1);
  } finally {
    session.destroy();
  }
}

/** Streams the file into a fresh instance, whose threads end when that fails. */
async function run(
  build: CompiledBuild,
  file: ModelFile,
  head: Promise<Uint8Array>,
  context: number,
  threads: number,
  tuneThreads: boolean,
  report: Report,
  signal: AbortSignal,
): Promise<{ session: WasmSession; opened: Opened; plan: Plan }> {
  const plan = await timed("plan", makePlan(build, file, head, context, threads));
  throwIfAborted(signal);
  const parts = new ReadAhead(file, 1); // opens the next ones while the threads start
  let session: WasmSession | null = null;
  try {
    const memory = makeMemory(build.name, plan.total_bytes, plan.total_bytes);
    session = await timed("start threads", startBuild(build, memory, threads - 1));
    session.beginLoad(file.bytes, plan.context, threads, tuneThreads);
    const opened = await stream(session, file, head, parts, plan, report, signal);
    return { session, opened, plan };
  } catch (error) {
    session?.abandon();
    throw error;
  } finally {
    parts.close();
  }
}

async function stream(
  session: WasmSession,
  file: ModelFile,
  head: Promise<Uint8Array>,
  parts: ReadAhead,
  plan: Plan,
  report: Report,
  signal: AbortSignal,
): Promise<Opened> {
  const places = Array.from({ length: plan.staged_parts }, () => session.allocate(PART_BYTES));
  const placeOf = (index: number) => places[index % places.length] as Pointer;
  let loaded = 0;
  const tell = () => report({ phase: "load", loaded, total: file.bytes, memory_bytes: plan.total_bytes });
  tell();
  const write = (name: string, index: number, bytes: number) => {
    const written = span(name);
    session.write(placeOf(index), bytes);
    written();
    loaded += bytes;
    tell();
  };
  const first = await head;
  session.memoryAt(placeOf(0), PART_BYTES).set(first);
  write("first part", 0, first.length);
  for (let index = 1; index < file.partCount; index++) {
    // A cancel is seen between parts, and what opens the next ones goes on.
    await yieldToMessages();
    throwIfAborted(signal);
    const target = session.memoryAt(placeOf(index), PART_BYTES);
    write("repack part", index, await timed("read part", parts.read(index, target)));
  }
  const opened = session.open();
  for (const place of places) session.release(place);
  return opened;
}

export async function loadFile(
  file: ModelFile,
  setup: LoaderSetup,
  cache: BuildCache,
  report: Report,
  signal: AbortSignal,
): Promise<Loaded> {
  const started = performance.now();
  const notices: Notice[] = [];
  const head = timed("read head", readHead(file)); // while the build arrives
  head.catch(() => {}); // the first build to need it reports what is wrong
  const { session, opened, plan, build, threads } = await withBuild(
    setup,
    cache,
    notices,
    signal,
    async (compiled, count) => ({
      ...(await run(compiled, file, head, setup.context, count, setup.threads === 0, report, signal)),
      build: compiled.name,
      threads: count,
    }),
  );
  await file.close();
  const info: ModelInfo = {
    id: file.id,
    // What a fine-tune calls itself inside is often the name of what it was made from.
    name: file.entry?.name ?? (file.id.startsWith("hf:") ? file.name : plan.name || file.name),
    architecture: plan.architecture,
    quantization: plan.quantization,
    vocab_size: plan.vocab_size,
    context: plan.context,
    chat_format: opened.chat_format,
    threads,
    build,
    kernels: opened.kernels,
    memory: {
      weights_bytes: plan.weights_bytes,
      kv_bytes: plan.kv_bytes,
      scratch_bytes: plan.scratch_bytes,
      tokenizer_bytes: plan.tokenizer_bytes,
      staging_bytes: plan.staging_bytes,
      planned_bytes: plan.total_bytes,
      actual_bytes: session.memoryBytes,
      used_bytes: opened.used_bytes,
    },
    preset: file.entry?.preset ?? opened.preset,
    load_ms: performance.now() - started,
    from_storage: file.fromStorage,
    notices,
  };
  if (file.entry !== undefined) info.entry = file.entry;
  return { session, info };
}
