// The page's view of its service worker: whether a new version waits, and how to take it. service_worker_client.ts
// implements it; a page without a service worker passes none.

import type { ReadonlySignal } from "@preact/signals";

export interface Updates {
  readonly ready: ReadonlySignal<boolean>;
  /** Activates the new version and reloads the page. */
  apply(): void;
}
