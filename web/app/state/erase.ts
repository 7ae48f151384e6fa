// Deletes everything that Parley keeps on this device: models, conversations, settings, caches and the service worker.

import type { ModelState } from "./model";

/** Each part by itself: what a browser refuses to delete must not keep the rest. */
export async function eraseEverything(model: ModelState): Promise<void> {
  const attempts = [
    () => model.clear(),
    () => eraseFiles(),
    () => eraseDatabases(),
    async () => {
      for (const name of await caches.keys()) await caches.delete(name);
    },
    async () => {
      localStorage.clear();
      sessionStorage.clear();
    },
    async () => {
      for (const worker of await navigator.serviceWorker.getRegistrations()) {
        if (document.baseURI.startsWith(worker.scope)) await worker.unregister();
      }
    },
  ];
  for (const attempt of attempts) await attempt().catch(() => {});
}

async function eraseFiles(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  await root.removeEntry("parley-parts", { recursive: true });
}

async function eraseDatabases(): Promise<void> {
  const erase = (name: string) =>
    new Promise<void>((resolve) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = request.onerror = request.onblocked = () => resolve();
    });
  await Promise.all(["parley", "parley-models", "parley-tools"].map(erase));
}
