// Which wasm builds this browser can run, best first, and how many threads to use. Fetching and starting them is left to
// wasm_session.ts.
import { ParleyError } from "./errors";
import type { BuildName } from "./types";

export const BUILD_NAMES: readonly BuildName[] = ["relaxed-threads", "relaxed", "simd128-threads", "simd128"];

// "\0asm", version 1, one function type () -> v128, one function of that type; its body follows.
const PREFIX = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0];
/** i32.const 0, i8x16.splat */
const SPLAT = [65, 0, 253, 15];

/** (func (result v128) i8x16.popcnt of a splat): the last instruction that SIMD gained before it was finished. */
export const SIMD128_PROBE = new Uint8Array([...PREFIX, 10, 10, 1, 8, 0, ...SPLAT, 253, 98, 11]);

/** (func (result v128) i32x4.relaxed_dot_i8x16_i7x16_add_s of three splats): what the relaxed kernels use. */
export const RELAXED_PROBE = new Uint8Array([
  ...PREFIX,
  ...[10, 19, 1, 17, 0],
  ...SPLAT,
  ...SPLAT,
  ...SPLAT,
  ...[253, 147, 2, 11],
]);

/** A shared memory of one page and (func i32.atomic.load): what the builds with threads use. */
export const THREADS_PROBE = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1],
  ...[10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11],
]);

export interface Features {
  simd128: boolean;
  relaxed: boolean;
  threads: boolean; // shared memory may be made and sent to workers
  isolated: boolean;
}

export function probe(): Features {
  const isolated = globalThis.crossOriginIsolated === true;
  return {
    simd128: WebAssembly.validate(SIMD128_PROBE),
    relaxed: WebAssembly.validate(RELAXED_PROBE),
    threads: isolated && typeof SharedArrayBuffer === "function" && WebAssembly.validate(THREADS_PROBE),
    isolated,
  };
}

export function usesThreads(build: BuildName): boolean {
  return build.endsWith("-threads");
}

function supported(build: BuildName, features: Features): boolean {
  return (
    (build.startsWith("relaxed") ? features.relaxed : true) && (usesThreads(build) ? features.threads : true)
  );
}

/**
 * The builds to try in turn. UNSUPPORTED_BROWSER without SIMD, or when `forced` (for tests: that build and no other)
 * cannot run here. One thread needs no build with threads.
 */
export function ladder(features: Features, threads: number, forced: BuildName | null): BuildName[] {
  if (!features.simd128) {
    throw new ParleyError(
      "UNSUPPORTED_BROWSER",
      "This browser has no WebAssembly SIMD. Chrome and Edge have it from version 91, Firefox from 89, Safari from 16.4.",
    );
  }
  if (forced !== null) {
    if (supported(forced, features)) return [forced];
    throw new ParleyError(
      "UNSUPPORTED_BROWSER",
      `This browser cannot run the build ${forced} that was asked for.`,
    );
  }
  return BUILD_NAMES.filter((build) => supported(build, features) && (threads > 1 || !usesThreads(build)));
}

const MAX_THREADS = 8;

/** Half of the processors, where there are more than two; a browser that does not say has one. Whole, whatever is wanted. */
export function chooseThreads(wanted: number, hardwareConcurrency: number | undefined): number {
  if (wanted >= 1) return Math.min(Math.floor(wanted), 64);
  const processors = Number.isFinite(hardwareConcurrency)
    ? Math.max(1, Math.floor(hardwareConcurrency ?? 1))
    : 1;
  return processors <= 2 ? processors : Math.min(MAX_THREADS, Math.max(2, processors >> 1));
}

/** `?build=` of the page's address, for tests. */
export function requestedBuild(search: string): BuildName | null {
  const name = new URLSearchParams(search).get("build");
  return BUILD_NAMES.find((build) => build === name) ?? null;
}
