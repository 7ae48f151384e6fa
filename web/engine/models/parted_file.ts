// A file that is read part by part, wherever its parts lie.
import type { CatalogEntry } from "../types";

export const PART_BYTES = 4 << 20;

/** A part of a file that was found. */
export interface OpenedPart {
  /** Reads it into `target` (at least as long as a part) and says how many bytes it has. */
  read(target: Uint8Array): Promise<number>;
  close(): void;
}

/** A file that can be read part by part. */
export interface PartedFile {
  name: string;
  bytes: number;
  partCount: number;
  open(index: number): Promise<OpenedPart>;
  /** Opens part `index`, reads it into `target` and closes it. */
  read(index: number, target: Uint8Array): Promise<number>;
}

/** A model file whose parts are all at hand. */
export interface ModelFile extends PartedFile {
  id: string;
  entry: CatalogEntry | undefined;
  fromStorage: boolean; // nothing had to be fetched
  /** Releases what only loading needed. */
  close(): Promise<void>;
}

/** How a file whose parts can be opened is read. */
export function readable(open: PartedFile["open"]): Pick<PartedFile, "open" | "read"> {
  return {
    open,
    async read(index, target) {
      const part = await open(index);
      try {
        return await part.read(target);
      } finally {
        part.close();
      }
    },
  };
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
    ...readable(async (index) => ({
      async read(target) {
        const bytes = new Uint8Array(
          await blob.slice(index * PART_BYTES, (index + 1) * PART_BYTES).arrayBuffer(),
        );
        target.set(bytes);
        return bytes.length;
      },
      close() {},
    })),
    close: async () => {},
  };
}
