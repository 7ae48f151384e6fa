// Where the worker's script is, in the page's own build. The library's build puts library_url.ts in this file's place.
import workerUrl from "./worker.ts?worker&url";

export function defaultBaseUrl(): string {
  return new URL(".", globalThis.location.href).href;
}

export function workerScript(_baseUrl: string): string {
  return new URL(workerUrl, globalThis.location.href).href;
}
