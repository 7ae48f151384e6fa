// Where the worker's script is, in the library's build: beside wasm/ and models/, all in one directory.

const here = import.meta.url; // named, because the bundler would take `new URL(".", import.meta.url)` for a file to copy

export function defaultBaseUrl(): string {
  return new URL(".", here).href;
}

export function workerScript(baseUrl: string): string {
  return new URL("worker.js", baseUrl).href;
}
