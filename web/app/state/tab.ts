// Which tab this is, and which others are open: a tab holds a lock of its own name for as long as it lives. So a reply that
// a tab was writing when it died can be told from one that is still on its way.

import { newId } from "./ids";

export interface Tab {
  readonly id: string;
  /** The tabs that are open now, this one among them. */
  open(): Promise<ReadonlySet<string>>;
  /** Calls `then` once a tab is closed. Returns a function that calls it off. */
  whenClosed(id: string, then: () => void): () => void;
}

const PREFIX = "parley.tab.";

/** Without locks (a page that is no secure context) every other tab counts as closed. */
export function createTab(locks = globalThis.navigator?.locks as LockManager | undefined): Tab {
  const id = newId();
  void locks?.request(PREFIX + id, () => new Promise(() => {}));
  return {
    id,
    async open() {
      const { held = [] } = (await locks?.query()) ?? {};
      const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(PREFIX));
      return new Set([id, ...names.map((name) => name.slice(PREFIX.length))]);
    },
    whenClosed(other, then) {
      const waiting = new AbortController();
      const released = locks?.request(PREFIX + other, { signal: waiting.signal }, () => {});
      released?.then(then, () => {}); // or called off
      return () => waiting.abort();
    },
  };
}
