// Where the document of the completion view is kept: IndexedDB, or memory where that is refused. Stored data is checked as it
// comes in.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { type Overrides, readOverrides } from "./options";

export interface StoredDocument {
  text: string;
  /** Texts before each continuation, oldest first, and those that were undone. */
  undo: string[];
  redo: string[];
  overrides: Overrides;
}

export const LONGEST_DOCUMENT = 200_000; // UTF-16 units
const MOST_STEPS = 100;

export interface DocumentStore {
  read(): Promise<StoredDocument | null>;
  write(document: StoredDocument): Promise<void>;
}

interface ToolsDatabase extends DBSchema {
  documents: { key: string; value: StoredDocument };
}

/** erase.ts deletes it by this name. */
const TOOLS_DATABASE = "parley-tools";
const ONLY = "document";

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const read = value.filter(
    (one): one is string => typeof one === "string" && one.length <= LONGEST_DOCUMENT,
  );
  return read.slice(-MOST_STEPS);
}

/** Null unless there is a text. */
export function readDocument(data: unknown): StoredDocument | null {
  const { text, undo, redo, overrides } = Object(data) as Record<string, unknown>;
  if (typeof text !== "string" || text.length > LONGEST_DOCUMENT) return null;
  return { text, undo: texts(undo), redo: texts(redo), overrides: readOverrides(overrides) };
}

export function memoryDocuments(): DocumentStore {
  let kept: StoredDocument | null = null;
  return {
    read: async () => kept,
    async write(document) {
      kept = document;
    },
  };
}

export function openDocuments(): DocumentStore {
  let database: Promise<IDBPDatabase<ToolsDatabase>> | null = null;
  const open = () => {
    database ??= openDB<ToolsDatabase>(TOOLS_DATABASE, 1, {
      upgrade: (made) => void made.createObjectStore("documents"),
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
    return database;
  };
  return {
    read: async () => readDocument(await (await open()).get("documents", ONLY)),
    async write(document) {
      await (await open()).put("documents", document, ONLY);
    },
  };
}
