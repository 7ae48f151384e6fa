// What is stored and complete: one record a part, one a model, in IndexedDB, written strictly after the bytes they speak
// of. Where IndexedDB is refused the same records live in memory. The bytes themselves are part_store.ts's.
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { CatalogEntry } from "../types";
import { retryStorage } from "./retry";

/** A part whose SHA-256 was checked on arrival. */
export interface PartRecord {
  sha256: string;
  bytes: number;
  checksum: string; // of checksum.ts, looked at in every load
}

export interface PartRef {
  sha256: string;
  bytes: number;
}

/** One file of a model, as far as it has arrived. */
export interface FileRecord {
  name: string; // within the model
  url: string; // "" for what was made here
  bytes: number; // 0 while not known
  sha256: string; // of the whole file, "" where nobody says
  mark: string; // the host's for this state of the file, "" where it has none
  checked: boolean; // the hash of the whole file was computed and is right
  parts: (PartRef | null)[]; // in the file's order; null: has not arrived, and no catalog says what it is
}

export interface ModelRecord {
  id: string; // catalog id, repository, or the file's address
  name: string;
  revision: string; // the one that was resolved for it; "" where there are none
  license: string; // "" where nobody says
  file: FileRecord; // what is loaded
  sources: FileRecord[]; // of a checkpoint, what `file` is made of; their parts are let go once it is whole
  old: PartRef[]; // of the revision before, listed until this one is whole so that nothing is lost sight of
  complete: boolean;
  entry: CatalogEntry | null;
  import: "q8_0" | "q4_0" | null; // what the sources are converted to
  memory_bytes: number; // that the last load took, 0 before the first
}

export interface PartDatabase extends DBSchema {
  parts: { key: string; value: PartRecord };
  models: { key: string; value: ModelRecord };
  bytes: { key: string; value: Uint8Array };
}

/** What version 1 kept of a model: one file, of parts that had all arrived. */
interface ModelRecord1 {
  id: string;
  name: string;
  bytes: number;
  parts: PartRef[];
  complete: boolean;
  entry: CatalogEntry | null;
}

function upgradeModel({ id, name, bytes, parts, complete, entry }: ModelRecord1): ModelRecord {
  const url = entry?.files[0]?.url ?? id;
  const file = { name, url, bytes, sha256: "", mark: "", checked: true, parts };
  return {
    id,
    name,
    revision: entry?.revision ?? "",
    license: entry?.license ?? "",
    file,
    sources: [],
    old: [],
    complete,
    entry,
    import: null,
    memory_bytes: 0,
  };
}

const OPENING_MS = 5000; // Chromium itself waits two seconds for a database that is locked, then says UnknownError

/**
 * Rejects at once when another tab holds an older version open: waiting for it could take for ever. A database that cannot
 * be opened for a moment is waited for: taken for refused, all that is stored would seem to be gone.
 */
export function openDatabase(): Promise<IDBPDatabase<PartDatabase>> {
  return retryStorage(["UnknownError", "AbortError"], openOnce, OPENING_MS);
}

function openOnce(): Promise<IDBPDatabase<PartDatabase>> {
  return new Promise((resolve, reject) => {
    openDB<PartDatabase>("parley-models", 2, {
      async upgrade(database, from, _to, transaction) {
        if (from === 0) {
          database.createObjectStore("parts", { keyPath: "sha256" });
          database.createObjectStore("models", { keyPath: "id" });
          database.createObjectStore("bytes");
          return;
        }
        const models = transaction.objectStore("models");
        for (const model of (await models.getAll()) as unknown[]) {
          await models.put(upgradeModel(model as ModelRecord1));
        }
      },
      blocked: () => reject(new DOMException("Another tab has an older version open.", "InvalidStateError")),
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    }).then(resolve, reject);
  });
}

/** Every part that a model's record names. */
export function partsOf(model: ModelRecord): PartRef[] {
  const files = [model.file, ...model.sources];
  return [...files.flatMap(({ parts }) => parts.filter((part) => part !== null)), ...model.old];
}

export interface Records {
  part(sha256: string): Promise<PartRecord | undefined>;
  putPart(record: PartRecord): Promise<void>;
  removePart(sha256: string): Promise<void>;
  parts(): Promise<PartRecord[]>;
  model(id: string): Promise<ModelRecord | undefined>;
  models(): Promise<ModelRecord[]>;
  putModel(record: ModelRecord): Promise<void>;
  removeModel(id: string): Promise<void>;
}

export class MemoryRecords implements Records {
  readonly #parts = new Map<string, PartRecord>();
  readonly #models = new Map<string, ModelRecord>();

  async part(sha256: string): Promise<PartRecord | undefined> {
    return this.#parts.get(sha256);
  }
  async putPart(record: PartRecord): Promise<void> {
    this.#parts.set(record.sha256, record);
  }
  async removePart(sha256: string): Promise<void> {
    this.#parts.delete(sha256);
  }
  async parts(): Promise<PartRecord[]> {
    return [...this.#parts.values()];
  }
  async model(id: string): Promise<ModelRecord | undefined> {
    return this.#models.get(id);
  }
  async models(): Promise<ModelRecord[]> {
    return [...this.#models.values()];
  }
  async putModel(record: ModelRecord): Promise<void> {
    this.#models.set(record.id, record);
  }
  async removeModel(id: string): Promise<void> {
    this.#models.delete(id);
  }
}

export class DatabaseRecords implements Records {
  readonly #database: IDBPDatabase<PartDatabase>;

  constructor(database: IDBPDatabase<PartDatabase>) {
    this.#database = database;
  }

  part(sha256: string): Promise<PartRecord | undefined> {
    return this.#database.get("parts", sha256);
  }
  async putPart(record: PartRecord): Promise<void> {
    const transaction = this.#database.transaction("parts", "readwrite", { durability: "strict" });
    await Promise.all([transaction.store.put(record), transaction.done]);
  }
  removePart(sha256: string): Promise<void> {
    return this.#database.delete("parts", sha256);
  }
  parts(): Promise<PartRecord[]> {
    return this.#database.getAll("parts");
  }
  model(id: string): Promise<ModelRecord | undefined> {
    return this.#database.get("models", id);
  }
  models(): Promise<ModelRecord[]> {
    return this.#database.getAll("models");
  }
  async putModel(record: ModelRecord): Promise<void> {
    const transaction = this.#database.transaction("models", "readwrite", { durability: "strict" });
    await Promise.all([transaction.store.put(record), transaction.done]);
  }
  removeModel(id: string): Promise<void> {
    return this.#database.delete("models", id);
  }
}
