// The page's side of its service worker: registers it, reloads once where that brings isolation (and with it threads),
// offers updates, and asks it to keep the wasm builds. What an update looks like is the views'.

import { signal } from "@preact/signals";
import { trustedScript } from "../engine/trusted_script";
import type { EngineState } from "../engine/types";
import type { Updates } from "./state/updates";

export interface ServiceWorkerClient {
  /** "reload": the page is about to be loaded again, so load no model now. At most 8 s after the first visit began. */
  readonly settled: Promise<"stay" | "reload">;
  readonly updates: Updates;
  /** Pass every state of the engine on: the wasm builds are kept once the weights have arrived (R8: and reloads once). */
  onEngineState(state: EngineState): void;
}

const ACTIVATION_MS = 8000;
const RELOADED = "parley-reloaded-";

/** Reloads the page unless it has done so for this reason before in this tab (rows W3 and R8). */
function reloadOnce(reason: "isolation" | "build"): boolean {
  if (hasReloaded(reason)) return false;
  try {
    sessionStorage.setItem(RELOADED + reason, "yes");
  } catch {
    return false;
  }
  location.reload();
  return true;
}

/** True as well where it cannot be known: a reload could then go on for ever. */
function hasReloaded(reason: string): boolean {
  try {
    return sessionStorage.getItem(RELOADED + reason) !== null;
  } catch {
    return true;
  }
}

/** Over plain http from another machine, or where the browser refuses, there is none and the page does without. */
export function startServiceWorker(): ServiceWorkerClient {
  const ready = signal(false);
  const container = window.isSecureContext
    ? (navigator.serviceWorker as ServiceWorkerContainer | undefined)
    : undefined;
  let apply = () => location.reload();
  let kept = false;

  const start = async (): Promise<"stay" | "reload"> => {
    if (container === undefined) return "stay";
    const script = new URL("service_worker.js", new URL(".", location.href)).href;
    let registration: ServiceWorkerRegistration;
    try {
      registration = await container.register(trustedScript(script), { scope: "./", updateViaCache: "none" });
    } catch (error) {
      console.warn("The service worker could not be registered:", error);
      return "stay";
    }
    apply = watchUpdates(container, registration, () => {
      ready.value = true;
    });
    const wantsIsolation = !window.crossOriginIsolated && !hasReloaded("isolation");
    if (wantsIsolation && (await isServed(container, registration)) && reloadOnce("isolation"))
      return "reload";
    return "stay";
  };

  return {
    settled: start(),
    updates: { ready, apply: () => apply() },
    onEngineState(state) {
      if (state.state === "failed" && state.code === "BUILD_MISMATCH") reloadOnce("build");
      const hasWeights =
        state.state === "ready" || (state.state === "loading" && state.progress?.phase === "load");
      if (!hasWeights || kept || container === undefined) return;
      kept = true;
      void container.ready.then(({ active }) => active?.postMessage({ type: "CACHE_BUILDS" }));
    },
  };
}

/** Whether a service worker would answer this page's requests after a reload, now or within ACTIVATION_MS. */
function isServed(
  container: ServiceWorkerContainer,
  registration: ServiceWorkerRegistration,
): Promise<boolean> {
  if (registration.active !== null) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ACTIVATION_MS);
    void container.ready.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Calls `onReady` when a new version waits; what it returns takes that version and reloads. */
function watchUpdates(
  container: ServiceWorkerContainer,
  registration: ServiceWorkerRegistration,
  onReady: () => void,
): () => void {
  const hadController = container.controller !== null;
  let wanted = false;
  const look = () => {
    // Without an active version it is a first installation, not an update.
    if (registration.waiting !== null && registration.active !== null) onReady();
  };
  look();
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", look);
  });
  container.addEventListener("controllerchange", () => {
    if (wanted) location.reload();
    else if (hadController) onReady(); // taken in another tab: this one still shows the old version
  });
  return () => {
    wanted = true;
    if (registration.waiting === null) location.reload();
    else registration.waiting.postMessage({ type: "SKIP_WAITING" });
  };
}
