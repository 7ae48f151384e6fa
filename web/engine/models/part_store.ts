// Where the parts of model files are kept, by their SHA-256: OPFS, else IndexedDB, else this worker's memory. A part is
// there only when its record is: records.ts writes that after the bytes. What belongs to which model is its business too.
import type { IDBPDatabase } from "idb";
import { openDatabase, type PartDatabase } from "./records";
import { nameOf, retryStorage } from "./retry";

export type Backend = "opfs" | "indexeddb" | "memory";

/** An open part, which can be read without waiting. */
export interface StoredBytes {
  /** Reads from the beginning into `target` and says how many bytes the part has. */
  read(target: Uint8Array): number;
  close(): void;
}

export interface PartStore {
  readonly backend: Backend;
  /** Writes a whole part, flushed when this returns; `bytes` are the caller's again. QuotaExceededError passes through. */
  write(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Opens a part for reading; null when there is none. */
  open(sha256: string): Promise<StoredBytes | null>;
  /** The part as something to be read later, without a copy of it here where its bytes lie on disk; null: none. */
  blob(sha256: string): Promise<Blob | null>;
  remove(sha256: string): Promise<void>;
  /** Of everything that is there, whole or not. */
  names(): Promise<string[]>;
}

/** Reads a part into `target` and says how many bytes it has; -1 when there is none. */
export async function readPart(store: PartStore, sha256: string, target: Uint8Array): Promise<number> {
  const part = await store.open(sha256);
  if (part === null) return -1;
  try {
    return part.read(target);
  } finally {
    part.close();
  }
}

/** Bytes that are in memory anyway. */
function inMemory(bytes: Uint8Array): StoredBytes {
  return {
    read(target) {
      target.set(bytes.subarray(0, target.length));
      return bytes.length;
    },
    close() {},
  };
}

export class MemoryParts implements PartStore {
  readonly backend = "memory";
  readonly #parts = new Map<string, Uint8Array>();

  async write(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#parts.set(sha256, bytes.slice());
  }

  async open(sha256: string): Promise<StoredBytes | null> {
    const part = this.#parts.get(sha256);
    return part === undefined ? null : inMemory(part);
  }

  async blob(sha256: string): Promise<Blob | null> {
    const part = this.#parts.get(sha256);
    return part === undefined ? null : new Blob([part as BlobPart]);
  }

  async remove(sha256: string): Promise<void> {
    this.#parts.delete(sha256);
  }

  async names(): Promise<string[]> {
    return [...this.#parts.keys()];
  }
}

export class IndexedDbParts implements PartStore {
  readonly backend = "indexeddb";
  readonly #database: IDBPDatabase<PartDatabase>;

  constructor(database: IDBPDatabase<PartDatabase>) {
    this.#database = database;
  }

  async write(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const transaction = this.#database.transaction("bytes", "readwrite", { durability: "strict" });
    // The whole buffer would be stored with a view of a piece of it.
    const own = bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
    await Promise.all([transaction.store.put(own, sha256), transaction.done]);
  }

  async open(sha256: string): Promise<StoredBytes | null> {
    const part = await this.#database.get("bytes", sha256);
    return part === undefined ? null : inMemory(part);
  }

  async blob(sha256: string): Promise<Blob | null> {
    const part = await this.#database.get("bytes", sha256);
    return part === undefined ? null : new Blob([part as BlobPart]);
  }

  async remove(sha256: string): Promise<void> {
    await this.#database.delete("bytes", sha256);
  }

  async names(): Promise<string[]> {
    return this.#database.getAllKeys("bytes");
  }
}

export class OpfsParts implements PartStore {
  readonly backend = "opfs";
  readonly #directory: FileSystemDirectoryHandle;
  #staging = new Uint8Array(0); // for browsers that do not read files into shared memory

  constructor(directory: FileSystemDirectoryHandle) {
    this.#directory = directory;
  }

  async write(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const file = await this.#directory.getFileHandle(sha256, { create: true });
    const handle = await retryLocked(() => file.createSyncAccessHandle());
    try {
      handle.truncate(0);
      let written = 0;
      while (written < bytes.length) {
        const count = handle.write(bytes.subarray(written), { at: written });
        if (count === 0) throw new DOMException("The disk took no more bytes.", "QuotaExceededError");
        written += count;
      }
      handle.flush();
    } finally {
      handle.close();
    }
  }

  async open(sha256: string): Promise<StoredBytes | null> {
    const file = await this.#find(sha256);
    if (file === null) return null;
    // Reading needs no lock where the browser has this mode, so that two tabs can load at once.
    const open = file.createSyncAccessHandle as (options?: {
      mode: string;
    }) => Promise<FileSystemSyncAccessHandle>;
    let handle: FileSystemSyncAccessHandle;
    try {
      handle = await retryLocked(() => open.call(file, { mode: "read-only" }));
    } catch {
      return inMemory(new Uint8Array(await (await file.getFile()).arrayBuffer()));
    }
    return {
      read: (target) => {
        this.#readInto(handle, target);
        return handle.getSize();
      },
      close: () => handle.close(),
    };
  }

  async blob(sha256: string): Promise<Blob | null> {
    return (await this.#find(sha256))?.getFile() ?? null;
  }

  async remove(sha256: string): Promise<void> {
    try {
      await this.#directory.removeEntry(sha256);
    } catch (error) {
      if (nameOf(error) !== "NotFoundError") throw error;
    }
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#directory.keys()) names.push(name);
    return names;
  }

  async #find(sha256: string): Promise<FileSystemFileHandle | null> {
    try {
      return await this.#directory.getFileHandle(sha256);
    } catch (error) {
      if (nameOf(error) === "NotFoundError") return null;
      throw error;
    }
  }

  #readInto(handle: FileSystemSyncAccessHandle, target: Uint8Array): void {
    try {
      handle.read(target as Uint8Array<ArrayBuffer>, { at: 0 });
    } catch (error) {
      if (!(error instanceof TypeError) || target.buffer instanceof ArrayBuffer) throw error;
      if (this.#staging.length < target.length) this.#staging = new Uint8Array(target.length);
      const bytes = handle.read(this.#staging.subarray(0, target.length), { at: 0 });
      target.set(this.#staging.subarray(0, bytes));
    }
  }
}

/** A handle of a page that was just closed may still be open (row D18). */
function retryLocked<T>(open: () => Promise<T>): Promise<T> {
  return retryStorage(["NoModificationAllowedError"], open);
}

export function isQuotaError(error: unknown): boolean {
  return nameOf(error) === "QuotaExceededError";
}

export interface OpenedStore {
  parts: PartStore;
  database: IDBPDatabase<PartDatabase> | null; // null: nothing outlives this worker
  refused: string; // why a better place was not used, or ""
}

const PASSING = ["UnknownError", "AbortError", "InvalidStateError"]; // not a refusal, it may be over in a moment

/** The best place that takes a byte and gives it back. */
export async function openParts(): Promise<OpenedStore> {
  const opfs = retryStorage(PASSING, openOpfs);
  opfs.catch(() => {}); // looked at below
  let database: IDBPDatabase<PartDatabase>;
  try {
    database = await openDatabase();
  } catch (error) {
    return { parts: new MemoryParts(), database: null, refused: reason(error) };
  }
  try {
    return { parts: await opfs, database, refused: "" };
  } catch (error) {
    return { parts: new IndexedDbParts(database), database, refused: reason(error) };
  }
}

/** A directory that holds something has shown what it can; another must take a byte first, which is slow to flush. */
async function openOpfs(): Promise<OpfsParts> {
  const root = await navigator.storage.getDirectory();
  const directory = await root.getDirectoryHandle("parley-parts", { create: true });
  const parts = new OpfsParts(directory);
  if (!(await directory.keys().next()).done) return parts;
  const probe = `probe-${Math.random()}`; // of its own: another tab may be looking at the same moment
  await parts.write(probe, new Uint8Array([1]));
  await parts.remove(probe);
  return parts;
}

function reason(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
