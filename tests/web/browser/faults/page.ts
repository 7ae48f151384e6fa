// The page of the download tests: starts the worker and puts its calls within the tests' reach.
import * as Comlink from "comlink";
import type { FaultApi } from "./api";

declare global {
  interface Window {
    faults: Comlink.Remote<FaultApi>;
    onProgress: typeof Comlink.proxy;
  }
}

const policy = (
  globalThis as unknown as {
    trustedTypes: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
  }
).trustedTypes.createPolicy("parley#worker", { createScriptURL: (url: string) => url });

window.onProgress = Comlink.proxy;
window.faults = Comlink.wrap<FaultApi>(
  new Worker(policy.createScriptURL("/faults/worker.js"), { type: "module" }),
);
