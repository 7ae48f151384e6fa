// Model files as the worker sees them: finds what a source names, has what is missing fetched, converted and stored, gives
// out parts in order, checks and deletes. How parts travel is file_download.ts's and download.ts's, where they lie shelf.ts's.
import { ParleyError, throwIfAborted } from "../errors";
import type { CatalogEntry, LoadProgress, Notice, StorageState, StoredModel } from "../types";
import { fetchJson, parseCatalog } from "./catalog";
import { fetchParts, type World } from "./download";
import { exclusively } from "./download_lock";
import { fetchFile } from "./file_download";
import { FileKeeper } from "./file_keeper";
import { exportName, hashOfRecord, isOf, modelName, newRecord, unique } from "./model_record";
import type { OpenedStore } from "./part_store";
import { type ModelFile, PART_BYTES, type PartedFile, readable } from "./parted_file";
import { ProgressMeter } from "./progress";
import { type FileRecord, type ModelRecord, type PartRef, partsOf } from "./records";
import { Sha256 } from "./sha256";
import { Shelf } from "./shelf";
import { findSource, type Source, type SourceFile } from "./sources";

export type Report = (progress: LoadProgress) => void;
export type ImportType = "q8_0" | "q4_0";

/** Makes a GGUF file of a checkpoint's files and hands it to `write` front to back; the bytes are `write`'s until it is done. */
export type Convert = (
  files: readonly PartedFile[],
  type: ImportType,
  name: string,
  write: (bytes: Uint8Array) => Promise<void>,
  report: Report,
  signal: AbortSignal,
) => Promise<void>;

export interface LibraryOptions {
  hub?: string;
  partBytes?: number; // of every part but the last of a file; 4 MiB when left out
  convert?: Convert;
  /** Throws when the first part of a GGUF file shows that it is no model for here, before the rest is fetched. */
  check?: (head: Uint8Array, fileBytes: number, signal: AbortSignal) => Promise<void>;
}

export class ModelLibrary {
  readonly #baseUrl: string;
  readonly #world: World;
  readonly #shelf: Shelf;
  readonly #hub: string;
  readonly #partBytes: number;
  readonly #convert: Convert | undefined;
  readonly #check: LibraryOptions["check"];
  #adding = 0; // models that are being added, whose parts no record has yet

  constructor(baseUrl: string, store: OpenedStore, world: World, options: LibraryOptions = {}) {
    this.#baseUrl = baseUrl;
    this.#world = world;
    this.#shelf = new Shelf(store);
    this.#hub = options.hub ?? __PARLEY_HUB__;
    this.#partBytes = options.partBytes ?? PART_BYTES;
    this.#convert = options.convert;
    this.#check = options.check;
  }

  get notices(): Notice[] {
    return this.#shelf.notices;
  }

  /** True when nothing that is fetched outlives this worker. */
  get isVolatile(): boolean {
    return this.#shelf.isVolatile;
  }

  /** The host's catalog; where there is no network, what is stored. */
  async catalog(signal?: AbortSignal): Promise<CatalogEntry[]> {
    const url = new URL("models/catalog.json", this.#baseUrl).href;
    try {
      return parseCatalog(await fetchJson(url, this.#world, signal, 1), url, this.#partBytes);
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code === "BAD_JSON") throw error;
      const stored = (await this.#shelf.models()).filter(({ complete }) => complete);
      if (stored.length > 0) return stored.flatMap(({ entry }) => entry ?? []);
      return parseCatalog(await fetchJson(url, this.#world, signal), url, this.#partBytes);
    }
  }

  /**
   * Finds, fetches, converts and stores what `name` means: a catalog id, `hf:owner/name`, or the address of a GGUF file or
   * of a catalog entry (.json). `type`: what a checkpoint becomes, when not what its entry says.
   */
  async open(
    name: string,
    report: Report,
    signal: AbortSignal,
    type: ImportType | null = null,
  ): Promise<ModelFile> {
    const source = await findSource(
      name,
      type,
      {
        baseUrl: this.#baseUrl,
        hub: this.#hub,
        partBytes: this.#partBytes,
        world: this.#world,
        catalog: (running) => this.catalog(running),
        stored: (id) => this.#shelf.model(id),
      },
      signal,
    );
    let fetched = false;
    const obtain = () =>
      exclusively(source.id, report, signal, async (tell, running) => {
        const before = await this.#shelf.model(source.id);
        // What was made here is whole once its size is known, and may lie in memory.
        const isWhole = before !== undefined && (before.complete || before.file.url === "");
        if (isWhole && isOf(before, source) && (await this.#isThere(before.file))) return before;
        fetched = true;
        return this.#obtain(source, before, tell, running);
      });
    const record = await obtain();
    return this.#modelFile(record, !fetched, obtain);
  }

  /**
   * A file or a checkpoint's files that the user chose, made into a stored model `file:NAME`. Its record is written when it
   * is whole: until then a model of that name stays as it was, and nothing half-made is taken for a model.
   */
  async add(
    files: readonly PartedFile[],
    type: ImportType,
    report: Report,
    signal: AbortSignal,
  ): Promise<ModelFile> {
    const name = modelName(files);
    const id = `file:${name}`;
    this.#adding += 1;
    try {
      return await exclusively(id, report, signal, async (tell, running) => {
        const record = newRecord({
          id,
          name,
          revision: "",
          license: "",
          files: [],
          import: null,
          entry: null,
        });
        const before = await this.#shelf.model(id);
        record.old = before === undefined ? [] : partsOf(before);
        try {
          await this.#makeChosen(record, files, type, tell, running);
          throwIfAborted(running);
        } catch (error) {
          // Where another tab has taken over, these may be its parts, too. What stays is swept up.
          const isOurs = !running.aborted || signal.aborted;
          if (isOurs) await this.#shelf.forgetUnused(partsOf(record)).catch(() => {});
          throw error;
        }
        await this.#commit(record);
        return this.#modelFile(record, false, async () => {
          throw damaged(name);
        });
      });
    } finally {
      this.#adding -= 1;
    }
  }

  async stored(): Promise<StoredModel[]> {
    const models = await this.#shelf.models();
    return Promise.all(
      models.map(async (model) => {
        const parts = unique(partsOf(model));
        const known = await Promise.all(parts.map(({ sha256 }) => this.#shelf.storedBytes(sha256)));
        const { id, name, complete, revision, license, import: type, memory_bytes } = model;
        const wanted = complete || type === null ? [model.file] : model.sources;
        return {
          id,
          name,
          bytes: known.reduce((sum, bytes) => sum + bytes, 0),
          total_bytes: wanted.reduce((sum, { bytes }) => sum + bytes, 0),
          complete,
          revision,
          license,
          memory_bytes,
          file_name: exportName(model.file.name),
          ...(model.entry !== null && { entry: model.entry }),
          ...(type !== null && { quantization: type }),
          ...(complete && { hash: await hashOfRecord(model) }),
        };
      }),
    );
  }

  /** Reads and hashes every part again; bad ones are forgotten, so that the next load fetches them. */
  async verify(id: string): Promise<{ ok: boolean; bad_parts: number }> {
    const record = await this.#shelf.model(id);
    if (record === undefined) throw new ParleyError("NOT_FOUND", `${id} is not stored.`);
    const bytes = new Uint8Array(PART_BYTES);
    let bad = 0;
    for (const part of partsOf(record)) {
      const state = await this.#shelf.verify(part, bytes);
      if (state === "bad" || (state === "absent" && record.complete)) bad += 1;
    }
    return { ok: bad === 0 && record.complete, bad_parts: bad };
  }

  /** The GGUF file of a stored model, put together of its parts: what lies on disk is not copied. */
  async export(id: string): Promise<File> {
    const record = await this.#shelf.model(id);
    if (record === undefined) throw new ParleyError("NOT_FOUND", `${id} is not stored.`);
    const buffer = new Uint8Array(this.#partBytes);
    const blobs: Blob[] = [];
    for (const [index, part] of record.file.parts.entries()) {
      const blob = part === null ? null : await this.#shelf.blob(part, buffer);
      if (blob === null) {
        const where = `Part ${index + 1} of ${record.name}`;
        throw record.complete
          ? new ParleyError("CHECKSUM", `${where} does not stay as it was stored; load it once more.`)
          : new ParleyError("BAD_STATE", `${where} has not arrived; load it first.`);
      }
      blobs.push(blob);
    }
    const file = new File(blobs, exportName(record.file.name), { type: "application/octet-stream" });
    if (file.size > 0 && file.size === record.file.bytes) return file;
    throw new ParleyError("BAD_STATE", `${record.name} has not arrived as a whole; load it first.`);
  }

  async remove(id: string): Promise<void> {
    const record = await this.#shelf.model(id);
    if (record !== undefined) await this.#shelf.removeModel(record);
  }

  async clear(): Promise<void> {
    for (const record of await this.#shelf.models()) await this.#shelf.removeModel(record);
    await this.#shelf.sweep();
  }

  /** Keeps what a load took, to be said before the next one. */
  async remember(id: string, memoryBytes: number): Promise<void> {
    const record = await this.#shelf.model(id);
    if (record === undefined || record.memory_bytes === memoryBytes) return;
    await this.#shelf.putModel({ ...record, memory_bytes: memoryBytes });
  }

  storage(): Promise<StorageState> {
    return this.#shelf.storage();
  }

  /** Clears up after tabs that died, unless one is fetching now. */
  async sweep(): Promise<void> {
    if (this.#adding > 0) return; // where there are no locks to tell
    const held = (await globalThis.navigator?.locks?.query())?.held ?? [];
    if (held.some(({ name }) => name?.startsWith("parley-download-"))) return;
    await this.#shelf.sweep();
  }

  /** Stores a GGUF file as it is, a checkpoint converted. */
  async #makeChosen(
    record: ModelRecord,
    files: readonly PartedFile[],
    type: ImportType,
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const [only] = files;
    if (files.length === 1 && only !== undefined && /\.gguf$/i.test(only.name)) {
      await this.#shelf.makeRoom(only.bytes);
      const meter = new ProgressMeter(only.bytes, 0, this.#world.now, report);
      const writer = await this.#writer(record);
      const buffer = new Uint8Array(PART_BYTES);
      for (let index = 0; index < only.partCount; index++) {
        throwIfAborted(signal);
        const bytes = buffer.subarray(0, await only.read(index, buffer));
        await writer.write(bytes);
        meter.add(bytes.length);
      }
      await writer.end();
    } else {
      record.import = type;
      await this.#makeFile(record, files, report, signal);
    }
    // Another tab may have deleted everything meanwhile.
    if (!(await this.#isThere(record.file))) throw incomplete(record.name);
  }

  async #obtain(
    source: Source,
    before: ModelRecord | undefined,
    report: Report,
    signal: AbortSignal,
  ): Promise<ModelRecord> {
    if (source.import === null && source.files.length !== 1) {
      throw new ParleyError("UNSUPPORTED_MODEL", `${source.name} is not one GGUF file.`);
    }
    if (source.files.length === 0 || source.files.some(({ url }) => url === "")) {
      throw before?.complete ? damaged(source.name) : incomplete(source.name);
    }
    const record = newRecord(source, before);
    if (source.import === null) {
      await this.#fetchAll(record, source.files, [record.file], report, signal);
    } else {
      await this.#fetchAll(record, source.files, record.sources, report, signal);
      const files = record.sources.map((file) => this.#partedFile(file));
      await this.#makeFile(record, files, report, signal);
    }
    await this.#commit(record);
    return record;
  }

  async #fetchAll(
    record: ModelRecord,
    wanted: readonly SourceFile[],
    files: readonly FileRecord[],
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const check = (head: Uint8Array, bytes: number) =>
      this.#check?.(head, bytes, signal) ?? Promise.resolve();
    const checked = record.import === null ? check : undefined;
    const keepers = await Promise.all(
      files.map((file) => FileKeeper.open(this.#shelf, record, file, checked)),
    );
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const stored = keepers.reduce((sum, { presentBytes }) => sum + presentBytes, 0);
    await this.#shelf.makeRoom(total - stored);
    await this.#shelf.putModel(record);
    const unknown = files.flatMap(({ bytes, url }) => (bytes === 0 ? [url] : []));
    const meter = new ProgressMeter(total, stored, this.#world.now, report, unknown);
    for (const [index, keeper] of keepers.entries()) {
      const file = wanted[index] as SourceFile;
      if (file.parts !== undefined) {
        const missing = file.parts.filter((_, part) => !keeper.present.has(part));
        const keep = async (part: PartRef, bytes: Uint8Array<ArrayBuffer>) => {
          await this.#shelf.keep(part.sha256, bytes);
        };
        await fetchParts(missing, keep, meter, this.#world, signal);
      } else if (!keeper.isWhole || !keeper.file.checked) {
        await this.#fetchUnparted(file, keeper, meter, signal);
      }
    }
  }

  async #fetchUnparted(
    file: SourceFile,
    keeper: FileKeeper,
    meter: ProgressMeter,
    signal: AbortSignal,
  ): Promise<void> {
    const { url, bytes, sha256 } = file;
    const task = { url, bytes, partBytes: this.#partBytes, certain: sha256 !== "" };
    for (let tries = 1; ; tries++) {
      await fetchFile(task, keeper, meter, this.#world, signal, tries === 1);
      if (sha256 === "" || (await this.#hashOf(keeper.file, signal)) === sha256) break;
      meter.add(-(await keeper.drop(0)));
      if (tries === 2)
        throw new ParleyError("HASH_MISMATCH", `${url} has another SHA-256 than its host names.`);
    }
    keeper.file.checked = true;
  }

  async #hashOf(file: FileRecord, signal: AbortSignal): Promise<string> {
    const whole = new Sha256();
    const buffer = new Uint8Array(this.#partBytes);
    for (const part of file.parts) {
      throwIfAborted(signal);
      if (part === null || !(await this.#shelf.read(part, buffer))) return "";
      whole.update(buffer.subarray(0, part.bytes));
    }
    return whole.hex();
  }

  /** Converts `files` into the record's own file. What a conversion cut short had made is made again. */
  async #makeFile(
    record: ModelRecord,
    files: readonly PartedFile[],
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#convert === undefined || record.import === null) {
      throw new ParleyError(
        "UNSUPPORTED_MODEL",
        `${record.name} is not a GGUF file; the command line converts it.`,
      );
    }
    const writer = await this.#writer(record);
    await this.#convert(files, record.import, record.name, (bytes) => writer.write(bytes), report, signal);
    await writer.end();
    record.old = unique([
      ...record.old,
      ...record.sources.flatMap(({ parts }) => parts.filter((part) => part !== null)),
    ]);
    for (const source of record.sources) source.parts = [];
  }

  /** Cuts what is written into parts of the record's file. */
  async #writer(
    record: ModelRecord,
  ): Promise<{ write(bytes: Uint8Array): Promise<void>; end(): Promise<void> }> {
    // What the user chose has no source to go on with: its record is written once, by add().
    const keeper = await FileKeeper.open(this.#shelf, record.sources.length > 0 ? record : null, record.file);
    await keeper.drop(0);
    const part = new Uint8Array(this.#partBytes);
    let used = 0;
    let total = 0;
    const flush = async () => {
      await keeper.keep(record.file.parts.length, part.subarray(0, used));
      used = 0;
    };
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.length; ) {
          const take = Math.min(part.length - used, bytes.length - at);
          part.set(bytes.subarray(at, at + take), used);
          used += take;
          at += take;
          total += take;
          if (used === part.length) await flush();
        }
      },
      async end() {
        if (used > 0) await flush();
        keeper.see(total, "");
      },
    };
  }

  /** Complete is what outlives this worker; then the revision before may go. */
  async #commit(record: ModelRecord): Promise<void> {
    const { old } = record;
    const parts = record.file.parts.map((part) => part?.sha256 ?? "");
    const stored = await Promise.all(parts.map((sha256) => this.#shelf.storedBytes(sha256)));
    record.complete = stored.every((bytes) => bytes > 0);
    record.old = [];
    await this.#shelf.putModel(record);
    await this.#shelf.forgetUnused(old);
  }

  async #isThere(file: FileRecord): Promise<boolean> {
    const kept = await this.#shelf.kept();
    const there = file.parts.filter((part) => part !== null && kept.has(part.sha256));
    return file.bytes > 0 && there.reduce((sum, part) => sum + (part?.bytes ?? 0), 0) === file.bytes;
  }

  #partedFile({ name, bytes, parts }: FileRecord): PartedFile {
    return {
      name,
      bytes,
      partCount: parts.length,
      ...readable(async (index) => {
        const part = parts[index];
        const opened = part ? await this.#shelf.open(part) : null;
        return {
          async read(target) {
            if (part && opened?.read(target)) return part.bytes;
            throw new ParleyError("CHECKSUM", `Part ${index + 1} of ${name} does not stay as it was stored.`);
          },
          close: () => opened?.close(),
        };
      }),
    };
  }

  #modelFile(record: ModelRecord, fromStorage: boolean, obtain: () => Promise<unknown>): ModelFile {
    const { id, name, entry, file } = record;
    const stored = this.#partedFile(file);
    return {
      ...stored,
      id,
      name,
      entry: entry ?? undefined,
      fromStorage,
      ...readable(async (index) => {
        const part = file.parts[index];
        const opened = part ? await this.#shelf.open(part) : null;
        return {
          read: async (target) => {
            if (part) {
              if (opened?.read(target)) return part.bytes;
              // Evicted or rotten: that part alone is fetched again (row D16).
              opened?.close();
              await this.#shelf.forget(part.sha256);
              await obtain();
            }
            return stored.read(index, target);
          },
          close: () => opened?.close(),
        };
      }),
      close: async () => {
        if (this.isVolatile) await this.remove(id);
        await this.#shelf.releaseMemory(partsOf(record));
      },
    };
  }
}

/** What the user chose cannot be fetched again. */
function damaged(name: string): ParleyError {
  return new ParleyError("CHECKSUM", `A part of ${name} is damaged; choose its file again.`);
}

function incomplete(name: string): ParleyError {
  return new ParleyError("NOT_FOUND", `${name} was not stored as a whole; choose its file again.`);
}
