// Model files as the worker sees them: finds what a source names, fetches and stores what is missing, gives out parts in
// order, checks and deletes. How a part travels is download.ts's, where it lies part_store.ts's.
import { ParleyError, throwIfAborted } from "../errors";
import type {
  CatalogEntry,
  CatalogFile,
  CatalogPart,
  LoadProgress,
  Notice,
  StorageState,
  StoredModel,
} from "../types";
import { fetchJson, parseCatalog, parseEntry, parseJson } from "./catalog";
import { checksum } from "./checksum";
import { fetchChunks, fetchParts, ProgressMeter, retrying, type World } from "./download";
import { isQuotaError, MemoryParts, type OpenedStore, type PartStore } from "./part_store";
import { DatabaseRecords, MemoryRecords, type ModelRecord, type Records } from "./records";
import { Sha256, sha256Hex } from "./sha256";

export const PART_BYTES = 4 << 20;

/** A model file whose parts are all at hand. */
export interface ModelFile {
  id: string;
  name: string;
  entry: CatalogEntry | undefined;
  bytes: number;
  partCount: number;
  fromStorage: boolean; // nothing had to be fetched
  /** Reads part `index` into `target` (at least PART_BYTES long) and says how many bytes it has. */
  read(index: number, target: Uint8Array): Promise<number>;
  /** Releases what only loading needed. */
  close(): Promise<void>;
}

export type Report = (progress: LoadProgress) => void;

export class ModelLibrary {
  readonly #baseUrl: string;
  readonly #world: World;
  readonly #parts: PartStore;
  readonly #records: Records;
  readonly #overflow = new MemoryParts(); // for parts that storage had no room for
  readonly #overflowRecords = new MemoryRecords();
  readonly notices: Notice[] = [];

  constructor(baseUrl: string, store: OpenedStore, world: World) {
    this.#baseUrl = baseUrl;
    this.#world = world;
    this.#parts = store.parts;
    this.#records = store.database === null ? new MemoryRecords() : new DatabaseRecords(store.database);
    if (store.parts.backend === "indexeddb") this.#notice("STORAGE_INDEXEDDB", store.refused);
    if (store.parts.backend === "memory") this.#notice("STORAGE_MEMORY", store.refused);
  }

  /** True when nothing that is fetched outlives this worker. */
  get isVolatile(): boolean {
    return this.#parts.backend === "memory";
  }

  /** The host's catalog; where there is no network, what is stored. */
  async catalog(signal?: AbortSignal): Promise<CatalogEntry[]> {
    const url = new URL("models/catalog.json", this.#baseUrl).href;
    try {
      return parseCatalog(await fetchJson(url, this.#world, signal, 1), url);
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code === "BAD_JSON") throw error;
      const models = await this.#records.models();
      const stored = models.flatMap(({ entry, complete }) => (complete && entry !== null ? [entry] : []));
      return stored.length > 0 ? stored : parseCatalog(await fetchJson(url, this.#world, signal), url);
    }
  }

  /** Finds, fetches and stores what `name` means: a catalog id, or the address of an entry (.json) or of a GGUF file. */
  async open(name: string, report: Report, signal: AbortSignal): Promise<ModelFile> {
    const entry = await this.#findEntry(name, signal);
    if (entry === undefined) return this.#openAddress(new URL(name, this.#baseUrl).href, report, signal);
    const [file] = entry.files;
    if (file === undefined || entry.files.length > 1 || entry.import !== undefined) {
      throw new ParleyError(
        "UNSUPPORTED_MODEL",
        `${entry.name} is not one GGUF file; the command line converts it.`,
      );
    }
    return file.parts === undefined
      ? this.#openStream(entry.id, entry.name, entry, file, report, signal)
      : this.#openParts(entry, file.parts, report, signal);
  }

  async stored(): Promise<StoredModel[]> {
    const models = await this.#records.models();
    return Promise.all(
      models.map(async ({ id, name, parts, complete }) => {
        const known = await Promise.all(parts.map(({ sha256 }) => this.#records.part(sha256)));
        return { id, name, bytes: known.reduce((sum, part) => sum + (part?.bytes ?? 0), 0), complete };
      }),
    );
  }

  /** Reads and hashes every part again; bad ones are forgotten, so that the next load fetches them. */
  async verify(id: string): Promise<{ ok: boolean; bad_parts: number }> {
    const record = await this.#records.model(id);
    if (record === undefined) throw new ParleyError("NOT_FOUND", `${id} is not stored.`);
    const bytes = new Uint8Array(PART_BYTES);
    let bad = 0;
    for (const part of record.parts) {
      const known = await this.#records.part(part.sha256);
      if (known === undefined) {
        bad += record.complete ? 1 : 0;
        continue;
      }
      const length = await this.#parts.read(part.sha256, bytes).catch(() => -1);
      if (length === part.bytes && (await sha256Hex(bytes.slice(0, length))) === part.sha256) continue;
      bad += 1;
      await this.#forget(part.sha256);
    }
    return { ok: bad === 0 && record.complete, bad_parts: bad };
  }

  /** Deletes a model's record first and then the parts that no other model has. */
  async remove(id: string): Promise<void> {
    const record = await this.#records.model(id);
    if (record === undefined) return;
    await this.#records.removeModel(id);
    await this.#forgetUnused(record.parts);
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

  async #findEntry(name: string, signal: AbortSignal): Promise<CatalogEntry | undefined> {
    const path = URL.canParse(name, this.#baseUrl) ? new URL(name, this.#baseUrl).pathname : "";
    if (path.endsWith(".json")) {
      const url = new URL(name, this.#baseUrl).href;
      return parseEntry(parseJson(await fetchJson(url, this.#world, signal)), url);
    }
    if (path.endsWith(".gguf")) return undefined;
    const entry =
      (await this.catalog(signal)).find(({ id }) => id === name) ?? (await this.#records.model(name))?.entry;
    if (!entry && !/^https?:/.test(name)) {
      throw new ParleyError("NOT_FOUND", `The catalog has no model '${name.slice(0, 200)}'.`);
    }
    return entry ?? undefined;
  }

  async #openParts(
    entry: CatalogEntry,
    parts: CatalogPart[],
    report: Report,
    signal: AbortSignal,
  ): Promise<ModelFile> {
    const fetched = await this.#exclusively(entry.id, signal, async () => {
      const record: ModelRecord = {
        id: entry.id,
        name: entry.name,
        bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
        parts: parts.map(({ sha256, bytes }) => ({ sha256, bytes })),
        complete: false,
        entry,
      };
      const before = (await this.#records.model(entry.id))?.parts ?? [];
      const missing = await this.#missing(parts);
      if (missing.length > 0) {
        // The parts of an older revision stay listed until this one is whole, so that nothing is ever lost sight of.
        await this.#putModel({ ...record, parts: unique([...record.parts, ...before]) });
        const absent = missing.reduce((sum, part) => sum + part.bytes, 0);
        const meter = new ProgressMeter(record.bytes, record.bytes - absent, this.#world.now, report);
        await fetchParts(
          missing,
          (part, bytes) => this.#keep(part.sha256, bytes),
          meter,
          this.#world,
          signal,
        );
      }
      await this.#commit(record);
      await this.#forgetUnused(before);
      return missing.length > 0;
    });
    const refetch = (index: number) => this.#refetch(parts[index] as CatalogPart, report, signal);
    return this.#file(entry.id, entry.name, entry, parts, !fetched, refetch);
  }

  /** A file without parts of its own: one GET, cut into parts as it comes. */
  async #openStream(
    id: string,
    name: string,
    entry: CatalogEntry | undefined,
    file: Partial<CatalogFile> & { url: string },
    report: Report,
    signal: AbortSignal,
  ): Promise<ModelFile> {
    let fetched = false;
    const record = await this.#exclusively(id, signal, async () => {
      const before = await this.#records.model(id);
      if (before?.complete && (await this.#missing(before.parts)).length === 0) return before;
      fetched = true;
      return this.#fetchStream(id, name, entry ?? null, file, report, signal);
    });
    return this.#file(id, name, entry, record.parts, !fetched, async () => {
      await this.#exclusively(id, signal, () =>
        this.#fetchStream(id, name, entry ?? null, file, report, signal),
      );
    });
  }

  #openAddress(url: string, report: Report, signal: AbortSignal): Promise<ModelFile> {
    const name = decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? url);
    return this.#openStream(url, name, undefined, { url }, report, signal);
  }

  async #fetchStream(
    id: string,
    name: string,
    entry: CatalogEntry | null,
    file: Partial<CatalogFile> & { url: string },
    report: Report,
    signal: AbortSignal,
  ): Promise<ModelRecord> {
    return retrying(this.#world, null, signal, async () => {
      const record: ModelRecord = { id, name, bytes: file.bytes ?? 0, parts: [], complete: false, entry };
      const whole = new Sha256();
      const meter = new ProgressMeter(file.bytes ?? 0, 0, this.#world.now, report);
      let part = new Uint8Array(PART_BYTES);
      let used = 0;
      const finishPart = async () => {
        const bytes = part.slice(0, used);
        const sha256 = await sha256Hex(bytes);
        if ((await this.#recordOf(sha256)) === undefined) await this.#keep(sha256, bytes);
        record.parts.push({ sha256, bytes: used });
        await this.#putModel(record);
        part = new Uint8Array(PART_BYTES);
        used = 0;
      };
      const chunks = fetchChunks(file.url, this.#world, signal, "default", ({ headers }) => {
        const coded = headers.has("Content-Encoding"); // then the length is that of what travels
        if (file.bytes === undefined && !coded) meter.expect(Number(headers.get("Content-Length") ?? 0));
      });
      for await (const chunk of chunks) {
        if (file.sha256 !== undefined) whole.update(chunk);
        meter.add(chunk.length);
        for (let at = 0; at < chunk.length; ) {
          const take = Math.min(PART_BYTES - used, chunk.length - at);
          part.set(chunk.subarray(at, at + take), used);
          used += take;
          at += take;
          if (used === PART_BYTES) await finishPart();
        }
      }
      if (used > 0) await finishPart();
      record.bytes = record.parts.reduce((sum, { bytes }) => sum + bytes, 0);
      if (file.sha256 !== undefined && whole.hex() !== file.sha256) {
        await this.remove(id);
        throw new ParleyError("HASH_MISMATCH", `${file.url} has another SHA-256 than the catalog names.`);
      }
      await this.#commit(record);
      return record;
    });
  }

  #file(
    id: string,
    name: string,
    entry: CatalogEntry | undefined,
    parts: readonly { sha256: string; bytes: number }[],
    fromStorage: boolean,
    refetch: (index: number) => Promise<void>,
  ): ModelFile {
    return {
      id,
      name,
      entry,
      bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
      partCount: parts.length,
      fromStorage,
      read: async (index, target) => {
        const part = parts[index] as { sha256: string; bytes: number };
        if (await this.#readChecked(part, target)) return part.bytes;
        // Evicted or rotten: that part alone is fetched again (row D16).
        await this.#forget(part.sha256);
        await refetch(index);
        if (await this.#readChecked(part, target)) return part.bytes;
        throw new ParleyError("CHECKSUM", `Part ${index + 1} of ${name} does not stay as it was stored.`);
      },
      close: async () => {
        if (this.isVolatile) await this.remove(id);
        for (const { sha256 } of parts) {
          await this.#overflowRecords.removePart(sha256);
          await this.#overflow.remove(sha256);
        }
      },
    };
  }

  async #readChecked(part: { sha256: string; bytes: number }, target: Uint8Array): Promise<boolean> {
    for (const [store, records] of this.#places()) {
      const record = await records.part(part.sha256);
      if (record === undefined) continue;
      const length = await store.read(part.sha256, target).catch(() => -1);
      if (length === part.bytes && checksum(target.subarray(0, length)) === record.checksum) return true;
    }
    return false;
  }

  #places(): [PartStore, Records][] {
    return [
      [this.#parts, this.#records],
      [this.#overflow, this.#overflowRecords],
    ];
  }

  async #refetch(part: CatalogPart, report: Report, signal: AbortSignal): Promise<void> {
    const meter = new ProgressMeter(part.bytes, 0, this.#world.now, report);
    await fetchParts([part], ({ sha256 }, bytes) => this.#keep(sha256, bytes), meter, this.#world, signal);
  }

  async #recordOf(sha256: string) {
    return (await this.#records.part(sha256)) ?? (await this.#overflowRecords.part(sha256));
  }

  async #missing<T extends { sha256: string }>(parts: readonly T[]): Promise<T[]> {
    const known = await Promise.all(parts.map(({ sha256 }) => this.#recordOf(sha256)));
    return parts.filter((_, index) => known[index] === undefined);
  }

  /** The bytes first, then the record that says they are good. A full disk makes memory take the part. */
  async #keep(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const record = { sha256, bytes: bytes.length, checksum: checksum(bytes) };
    try {
      await this.#parts.write(sha256, bytes);
      await this.#records.putPart(record);
    } catch (error) {
      await this.#parts.remove(sha256).catch(() => {});
      if (!isQuotaError(error))
        throw new ParleyError("IO", `A part could not be stored: ${String(error)}`, { cause: error });
      this.#notice("STORAGE_MEMORY", "the browser's storage is full");
      await this.#overflow.write(sha256, bytes);
      await this.#overflowRecords.putPart(record);
    }
  }

  async #commit(record: ModelRecord): Promise<void> {
    const stored = await Promise.all(record.parts.map(({ sha256 }) => this.#records.part(sha256)));
    record.complete = stored.every((part) => part !== undefined);
    await this.#putModel(record);
  }

  async #putModel(record: ModelRecord): Promise<void> {
    try {
      await this.#records.putModel({ ...record, parts: [...record.parts] });
    } catch (error) {
      if (!isQuotaError(error)) throw error;
    }
  }

  /** Forgets those of `parts` that no model's record names. */
  async #forgetUnused(parts: readonly { sha256: string }[]): Promise<void> {
    if (parts.length === 0) return;
    const used = new Set(
      (await this.#records.models()).flatMap((model) => model.parts.map(({ sha256 }) => sha256)),
    );
    for (const { sha256 } of parts) {
      if (!used.has(sha256)) await this.#forget(sha256);
    }
  }

  async #forget(sha256: string): Promise<void> {
    await this.#records.removePart(sha256);
    await this.#parts.remove(sha256).catch(() => {}); // an open handle keeps the bytes; without a record they are nothing
    await this.#overflowRecords.removePart(sha256);
    await this.#overflow.remove(sha256);
  }

  /** One tab fetches a model at a time; the others wait and then find it stored (row D13). */
  async #exclusively<T>(id: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const locks = navigator.locks as LockManager | undefined;
    return locks === undefined ? work() : locks.request(`parley-download-${id}`, { signal }, work);
  }

  #notice(code: Notice["code"], detail: string): void {
    if (!this.notices.some((notice) => notice.code === code)) this.notices.push({ code, detail });
  }
}

function unique<T extends { sha256: string }>(parts: readonly T[]): T[] {
  return [...new Map(parts.map((part) => [part.sha256, part])).values()];
}

/** A file that the user chose: read where it lies, not stored. */
export function openBlob(blob: Blob, name: string): ModelFile {
  return {
    id: name,
    name,
    entry: undefined,
    bytes: blob.size,
    partCount: Math.ceil(blob.size / PART_BYTES),
    fromStorage: false,
    read: async (index, target) => {
      const bytes = new Uint8Array(
        await blob.slice(index * PART_BYTES, (index + 1) * PART_BYTES).arrayBuffer(),
      );
      target.set(bytes);
      return bytes.length;
    },
    close: async () => {},
  };
}
