// The library's own download code and storage in a real browser's worker, without a model behind it: parts are small and
// waits are short, so that hundreds of faults fit into a test run.
import * as Comlink from "comlink";
import { ParleyError } from "../../../../web/engine/errors";
import { browserWorld } from "../../../../web/engine/models/download";
import { ModelLibrary } from "../../../../web/engine/models/library";
import { openParts } from "../../../../web/engine/models/part_store";
import type { LoadProgress } from "../../../../web/engine/types";
import type { FaultApi, Got, Setup } from "./api";

let library: ModelLibrary | null = null;
const handles: FileSystemSyncAccessHandle[] = [];

function theLibrary(): ModelLibrary {
  if (library === null) throw new Error("setUp() comes first");
  return library;
}

const api: FaultApi = {
  async setUp({ baseUrl, hub, partBytes, faster, stallMs }: Setup): Promise<string> {
    const real = browserWorld();
    const world = {
      ...real,
      stallMs,
      sleep: (ms: number, signal: AbortSignal | undefined) => real.sleep(ms / faster, signal),
    };
    const store = await openParts();
    library = new ModelLibrary(baseUrl, store, world, { hub, partBytes });
    await library.sweep();
    return store.parts.backend;
  },

  async get(name: string, onProgress?: (progress: LoadProgress) => void): Promise<Got> {
    const waits = new Set<string>();
    let overdrawn = false;
    const got = { sha256: "", bytes: 0, fromStorage: false, code: "", message: "" };
    const report = (progress: LoadProgress) => {
      if (progress.waiting !== undefined) waits.add(progress.waiting);
      if (progress.elsewhere) waits.add("elsewhere");
      if (progress.total > 0 && progress.loaded > progress.total) overdrawn = true;
      onProgress?.(progress);
    };
    try {
      const file = await theLibrary().open(name, report, new AbortController().signal);
      const target = new Uint8Array(4 << 20);
      const whole: Uint8Array[] = [];
      for (let index = 0; index < file.partCount; index++) {
        whole.push(target.slice(0, await file.read(index, target)));
      }
      const bytes = new Uint8Array(await new Blob(whole as BlobPart[]).arrayBuffer());
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
      await file.close();
      const { fromStorage } = file;
      return { ...got, ok: true, sha256, bytes: bytes.length, fromStorage, waits: [...waits], overdrawn };
    } catch (error) {
      const known = error instanceof ParleyError ? error : null;
      const code = known?.code ?? (error as Error).name;
      const { message } = error as Error;
      return { ...got, ok: false, code, message, bytes: known?.bytes ?? 0, waits: [...waits], overdrawn };
    }
  },

  stored: () => theLibrary().stored(),
  verify: (id) => theLibrary().verify(id),
  remove: (id) => theLibrary().remove(id),
  clear: () => theLibrary().clear(),
  notices: async () => theLibrary().notices,
  storage: () => theLibrary().storage(),
  async pretendOnline(online) {
    Object.defineProperty(navigator, "onLine", { get: () => online, configurable: true });
  },
  async pretendRoom(quota) {
    navigator.storage.estimate = async () => ({ usage: 0, quota });
  },
  async lockParts() {
    const root = await navigator.storage.getDirectory();
    const parts = await root.getDirectoryHandle("parley-parts");
    for await (const name of parts.keys()) {
      handles.push(await (await parts.getFileHandle(name)).createSyncAccessHandle());
    }
    return handles.length;
  },
};

Comlink.expose(api);
