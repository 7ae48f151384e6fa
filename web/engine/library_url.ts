// Where the worker's script is, in the library's build: beside wasm/ and models/, all in one directory.
export function defaultBaseUrl(): string {
  return new URL(".", import.meta.url).href;
}

export function workerScript(baseUrl: string): string {
  return new URL("worker.js", baseUrl).href;
}
