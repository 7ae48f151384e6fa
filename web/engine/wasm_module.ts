// Fetches, compiles and starts one wasm build around a memory of a given size; falling back to another build is left to
// loader.ts.
import { usesThreads } from "./builds";
import { ABI_VERSION, type ParleyExports } from "./c_api";
import { ParleyError } from "./errors";
import type { BuildName } from "./types";
import { WasmSession } from "./wasm_session";

export const PAGE_BYTES = 65536;

/** What Emscripten's factory takes, as far as it is used. */
interface FactoryOptions {
  wasmMemory: WebAssembly.Memory;
  pthreadPoolSize: number;
  locateFile(name: string): string;
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
  print(text: string): void;
  printErr(text: string): void;
}

type Factory = (options: FactoryOptions) => Promise<ParleyExports>;

export interface CompiledBuild {
  name: BuildName;
  factory: Factory;
  module: WebAssembly.Module;
  directory: string;
}

function isFactory(value: unknown): value is Factory {
  return typeof value === "function";
}

async function compile(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) throw new ParleyError("HTTP_STATUS", `${url} answered ${response.status}.`);
  // Hosts that do not know .wasm send another type, which compileStreaming refuses.
  const streams = response.headers.get("Content-Type")?.startsWith("application/wasm") === true;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/** The id of the set that a module belongs to, as the build stamped it (row R8). */
function stampOf(module: WebAssembly.Module): string {
  const [section] = WebAssembly.Module.customSections(module, "parley.build");
  return section === undefined ? "" : new TextDecoder().decode(section);
}

/** BUILD_MISMATCH when the files are not those that this code was built with; any other failure means: try the next. */
export async function fetchBuild(name: BuildName, baseUrl: string): Promise<CompiledBuild> {
  const directory = new URL(`wasm/${__PARLEY_BUILD_ID__}/${name}/`, baseUrl).href;
  const importing = import(/* @vite-ignore */ `${directory}parley.mjs`) as Promise<{ default?: unknown }>;
  importing.catch(() => {}); // the wasm file's failure says more, so it is awaited first
  const module = await compile(`${directory}parley.wasm`);
  const script = await importing;
  const stamp = stampOf(module);
  if (stamp !== __PARLEY_BUILD_ID__) {
    throw new ParleyError(
      "BUILD_MISMATCH",
      `The page is of build ${__PARLEY_BUILD_ID__} and the wasm file of build ${stamp || "unknown"}.`,
    );
  }
  const factory = script.default;
  if (!isFactory(factory))
    throw new ParleyError("BUILD_FAILED", `${directory}parley.mjs has no module in it.`);
  return { name, factory, module, directory };
}

/** OOM with the bytes needed when the browser refuses the memory. */
export function makeMemory(build: BuildName, initialBytes: number, maximumBytes: number): WebAssembly.Memory {
  const initial = Math.ceil(initialBytes / PAGE_BYTES);
  const maximum = Math.max(initial, Math.ceil(maximumBytes / PAGE_BYTES));
  if (maximum > 65536)
    throw new ParleyError("OOM", `${initialBytes} bytes are more than WebAssembly has, 4 GiB.`, {
      bytes: initialBytes,
    });
  try {
    return new WebAssembly.Memory({ initial, maximum, shared: usesThreads(build) });
  } catch (cause) {
    const text = `This browser would not give ${Math.ceil(initialBytes / 1e6)} MB for the model.`;
    throw new ParleyError("OOM", text, { bytes: initialBytes, cause });
  }
}

const START_MS = 20_000;

/** Starts an instance. `pool`: how many threads to start besides this one; one that cannot start fails the build (R6). */
export async function startBuild(
  build: CompiledBuild,
  memory: WebAssembly.Memory,
  pool: number,
): Promise<WasmSession> {
  const output: string[] = [];
  const exports = await new Promise<ParleyExports>((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new ParleyError("BUILD_FAILED", `The build ${build.name} did not start: ${describe(cause, output)}`, {
          cause,
        }),
      );
    const onError = (event: ErrorEvent) => {
      event.preventDefault();
      fail(event.message);
    };
    const timer = setTimeout(() => fail("its threads gave no answer"), START_MS);
    globalThis.addEventListener("error", onError as EventListener);
    const settle = () => {
      clearTimeout(timer);
      globalThis.removeEventListener("error", onError as EventListener);
    };
    build
      .factory({
        wasmMemory: memory,
        pthreadPoolSize: pool,
        locateFile: (name) => build.directory + name,
        instantiateWasm: (imports, receive) => {
          WebAssembly.instantiate(build.module, imports).then(
            (instance) => receive(instance, build.module),
            fail,
          );
          return {};
        },
        print: (text) => output.push(text),
        printErr: (text) => output.push(text),
      })
      .then(resolve, fail)
      .finally(settle);
  });
  if (exports._parley_abi_version() !== ABI_VERSION) {
    throw new ParleyError("BUILD_MISMATCH", "The wasm file has another interface than the page.");
  }
  return new WasmSession(exports, memory);
}

function describe(cause: unknown, output: readonly string[]): string {
  return [cause instanceof Error ? cause.message : String(cause), ...output].join("; ").slice(0, 500);
}
