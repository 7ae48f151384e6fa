// What is stored and complete: one record a part, one a model, in IndexedDB, written strictly after the bytes they speak
// of. Where IndexedDB is refused the same records live in memory. The bytes themselves are part_store.ts's.
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { CatalogEntry } from "../types";

/** A part whose SHA-256 was checked on arrival. */
export interface PartRecord {
  sha256: string;
  bytes: number;
  checksum: string; // of checksum.ts, looked at in every load
}

export interface ModelRecord {
  id: string; // catalog id, or the file's address
  name: string;
  bytes: number; // 0 while the size is not known
  parts: { sha256: string; bytes: number }[]; // in the file's order; all that are known so far
  complete: boolean;
  entry: CatalogEntry | null;
}

export interface PartDatabase extends DBSchema {
  parts: { key: string; value: PartRecord };
  models: { key: string; value: ModelRecord };
  bytes: { key: string; value: Uint8Array };
}

export function openDatabase(): Promise<IDBPDatabase<PartDatabase>> {
  return openDB<PartDatabase>("parley-models", 1, {
    upgrade(database) {
      database.createObjectStore("parts", { keyPath: "sha256" });
      database.createObjectStore("models", { keyPath: "id" });
      database.createObjectStore("bytes");
    },
  });
}

export interface Records {
  part(sha256: string): Promise<PartRecord | undefined>;
  putPart(record: PartRecord): Promise<void>;
  removePart(sha256: string): Promise<void>;
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
