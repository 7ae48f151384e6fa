// The parts that are kept, with the records that say so: bytes first, then the record. Counts who needs a part, finds rot,
// sweeps up what a killed tab left behind, and lets memory take what storage has no room for. Whose parts they are is
// library.ts's.
import { ParleyError } from "../errors";
import type { Notice, StorageState } from "../types";
import { checksum } from "./checksum";
import { isQuotaError, MemoryParts, type OpenedStore, type PartStore, readPart } from "./part_store";
import {
  DatabaseRecords,
  MemoryRecords,
  type ModelRecord,
  type PartRecord,
  type PartRef,
  partsOf,
  type Records,
} from "./records";
import { sha256Hex } from "./sha256";

const MOST_IN_MEMORY = 256 << 20; // bytes of parts that storage refused

/** A part that is open. */
export interface ShelvedPart {
  /** False when it is not as it was stored. */
  read(target: Uint8Array): boolean;
  close(): void;
}

export class Shelf {
  readonly notices: Notice[] = [];
  readonly #parts: PartStore;
  readonly #records: Records;
  readonly #overflow = new MemoryParts(); // for parts that storage had no room for
  readonly #overflowRecords = new MemoryRecords();
  #overflowBytes = 0;
  readonly #seen = new Map<string, PartRecord>(); // of #records, as kept() found them: a load opens all of a model's parts
  #back = new Uint8Array(0); // what was read back of one part, over and over

  constructor(store: OpenedStore) {
    this.#parts = store.parts;
    this.#records = store.database === null ? new MemoryRecords() : new DatabaseRecords(store.database);
    if (store.parts.backend === "indexeddb") this.#notice("STORAGE_INDEXEDDB", store.refused);
    if (store.parts.backend === "memory") this.#notice("STORAGE_MEMORY", store.refused);
  }

  /** True when nothing that is kept outlives this worker. */
  get isVolatile(): boolean {
    return this.#parts.backend === "memory";
  }

  model(id: string): Promise<ModelRecord | undefined> {
    return this.#records.model(id);
  }

  models(): Promise<ModelRecord[]> {
    return this.#records.models();
  }

  /** A disk that has no room even for a record leaves the parts to be swept up. */
  async putModel(record: ModelRecord): Promise<void> {
    try {
      await this.#records.putModel(structuredClone(record));
    } catch (error) {
      if (!isQuotaError(error)) throw error;
    }
  }

  /** Deletes a model's record first and then the parts that no other model has. */
  async removeModel(record: ModelRecord): Promise<void> {
    await this.#records.removeModel(record.id);
    await this.forgetUnused(partsOf(record));
  }

  async has(sha256: string): Promise<boolean> {
    for (const [, records] of this.#places()) {
      if ((await records.part(sha256)) !== undefined) return true;
    }
    return false;
  }

  /** The SHA-256 of every part that is there. */
  async kept(): Promise<ReadonlySet<string>> {
    const [stored, inMemory] = await Promise.all([this.#records.parts(), this.#overflowRecords.parts()]);
    this.#seen.clear();
    for (const record of stored) this.#seen.set(record.sha256, record);
    return new Set([...stored, ...inMemory].map(({ sha256 }) => sha256));
  }

  /** Bytes of a part that outlive this worker, 0 when it is not there. */
  async storedBytes(sha256: string): Promise<number> {
    return (await this.#records.part(sha256))?.bytes ?? 0;
  }

  /** Keeps a part whose hash is right. A full disk makes memory take it; STORAGE_FULL when that is too much as well. */
  async keep(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const record = { sha256, bytes: bytes.length, checksum: checksum(bytes) };
    try {
      await this.#parts.write(sha256, bytes);
      await this.#readBack(record);
      await this.#records.putPart(record);
    } catch (error) {
      await this.#parts.remove(sha256).catch(() => {});
      if (!isQuotaError(error))
        throw new ParleyError("IO", `A part could not be stored: ${String(error)}`, { cause: error });
      if (this.#overflowBytes + bytes.length > MOST_IN_MEMORY) throw storageFull(bytes.length);
      this.#notice("STORAGE_MEMORY", "the browser's storage is full");
      await this.#overflow.write(sha256, bytes);
      await this.#overflowRecords.putPart(record);
      this.#overflowBytes += bytes.length;
    }
  }

  /** At the end of its quota a browser may take bytes and not have them. */
  async #readBack({ sha256, bytes, checksum: expected }: PartRecord): Promise<void> {
    const part = await this.#parts.open(sha256);
    if (this.#back.length < bytes) this.#back = new Uint8Array(bytes);
    const back = this.#back.subarray(0, bytes);
    // From here on nothing waits: parts that are kept at the same time take turns.
    try {
      if (part?.read(back) === bytes && checksum(back) === expected) return;
    } finally {
      part?.close();
    }
    throw new DOMException("What was written is not there.", "QuotaExceededError");
  }

  /** STORAGE_FULL, with how much to free, when `bytes` more fit neither in storage nor in memory. */
  async makeRoom(bytes: number): Promise<void> {
    const { usage_bytes: usage, quota_bytes: quota } = await this.storage();
    if (usage === undefined || quota === undefined || this.isVolatile) return;
    const lacking = bytes - Math.max(0, quota - usage);
    if (lacking > MOST_IN_MEMORY) throw storageFull(lacking);
  }

  /** Opens a part for reading; null when it is gone. */
  async open(part: PartRef): Promise<ShelvedPart | null> {
    for (const [store, records] of this.#places()) {
      const seen = records === this.#records ? this.#seen.get(part.sha256) : undefined;
      const record = seen ?? (await records.part(part.sha256));
      if (record === undefined) continue;
      const stored = await store.open(part.sha256).catch(() => null);
      if (stored === null) continue;
      return {
        read(target) {
          try {
            const length = stored.read(target);
            return length === part.bytes && checksum(target.subarray(0, length)) === record.checksum;
          } catch {
            return false;
          }
        },
        close: () => stored.close(),
      };
    }
    return null;
  }

  /** Reads a part into `target`; false when it is gone or not as it was stored. */
  async read(part: PartRef, target: Uint8Array): Promise<boolean> {
    const opened = await this.open(part);
    if (opened === null) return false;
    const good = opened.read(target);
    opened.close();
    return good;
  }

  /** A part that was just read and found as it was stored; null when it is gone or is not. */
  async blob(part: PartRef, buffer: Uint8Array): Promise<Blob | null> {
    if (!(await this.read(part, buffer))) return null;
    for (const [store] of this.#places()) {
      const blob = await store.blob(part.sha256);
      if (blob?.size === part.bytes) return blob;
    }
    return null;
  }

  /** Reads and hashes a part again; one that is wrong is forgotten. */
  async verify(part: PartRef, buffer: Uint8Array<ArrayBuffer>): Promise<"good" | "bad" | "absent"> {
    for (const [store, records] of this.#places()) {
      if ((await records.part(part.sha256)) === undefined) continue;
      const length = await readPart(store, part.sha256, buffer).catch(() => -1);
      if (length === part.bytes && (await sha256Hex(buffer.slice(0, length))) === part.sha256) return "good";
      await this.forget(part.sha256);
      return "bad";
    }
    return "absent";
  }

  async forget(sha256: string): Promise<void> {
    this.#seen.delete(sha256);
    await this.#records.removePart(sha256);
    await this.#parts.remove(sha256).catch(() => {}); // an open handle keeps the bytes; without a record they are nothing
    await this.releaseMemory([{ sha256 }]);
  }

  /** Forgets those of `parts` that no model's record names. */
  async forgetUnused(parts: readonly { sha256: string }[]): Promise<void> {
    if (parts.length === 0) return;
    const used = new Set((await this.models()).flatMap(partsOf).map(({ sha256 }) => sha256));
    for (const { sha256 } of parts) {
      if (!used.has(sha256)) await this.forget(sha256);
    }
  }

  async releaseMemory(parts: readonly { sha256: string }[]): Promise<void> {
    for (const { sha256 } of parts) {
      const record = await this.#overflowRecords.part(sha256);
      if (record === undefined) continue;
      this.#overflowBytes -= record.bytes;
      await this.#overflowRecords.removePart(sha256);
      await this.#overflow.remove(sha256);
    }
  }

  /** Deletes parts without a model and bytes without a part: what is left when a tab dies between two writes. */
  async sweep(): Promise<void> {
    const names = await this.#parts.names(); // before the records: what is written meanwhile is not among them
    const known = new Set((await this.#records.parts()).map(({ sha256 }) => sha256));
    const used = new Set((await this.models()).flatMap(partsOf).map(({ sha256 }) => sha256));
    for (const sha256 of known) {
      if (!used.has(sha256)) await this.forget(sha256);
    }
    for (const name of names) {
      if (!known.has(name)) await this.#parts.remove(name).catch(() => {});
    }
  }

  async storage(): Promise<StorageState> {
    const state: StorageState = { backend: this.#parts.backend, persisted: false };
    const manager = navigator.storage as StorageManager | undefined;
    try {
      const estimate = await manager?.estimate();
      if (estimate?.usage !== undefined) state.usage_bytes = estimate.usage;
      if (estimate?.quota !== undefined) state.quota_bytes = estimate.quota;
      state.persisted = (await manager?.persisted()) ?? false;
    } catch {
      // A browser that refuses storage refuses figures too.
    }
    return state;
  }

  #places(): [PartStore, Records][] {
    return [
      [this.#parts, this.#records],
      [this.#overflow, this.#overflowRecords],
    ];
  }

  #notice(code: Notice["code"], detail: string): void {
    if (!this.notices.some((notice) => notice.code === code)) this.notices.push({ code, detail });
  }
}

function storageFull(bytes: number): ParleyError {
  const text = `The browser's storage is full: ${Math.ceil(bytes / 1e6)} MB more are needed.`;
  return new ParleyError("STORAGE_FULL", text, { bytes });
}
