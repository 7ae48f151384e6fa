// Puts the parts of one file of a model on the shelf as they arrive and writes each into the model's record, so that
// whatever moment a tab dies at, what was kept is found again; a file without a record yet has its parts alone kept. How
// parts travel is file_download.ts's.
import type { Keeper } from "./file_download";
import type { FileRecord, ModelRecord } from "./records";
import { sha256Hex } from "./sha256";
import type { Shelf } from "./shelf";

export class FileKeeper implements Keeper {
  readonly #shelf: Shelf;
  readonly #model: ModelRecord | null;
  readonly file: FileRecord;
  readonly #present = new Set<number>();

  private constructor(
    shelf: Shelf,
    model: ModelRecord | null,
    file: FileRecord,
    private readonly check?: (head: Uint8Array, fileBytes: number) => Promise<void>,
  ) {
    this.#shelf = shelf;
    this.#model = model;
    this.file = file;
  }

  /** `model`: whose record is written, null for none. `check` sees the first part before it is kept. */
  static async open(
    shelf: Shelf,
    model: ModelRecord | null,
    file: FileRecord,
    check?: (head: Uint8Array, fileBytes: number) => Promise<void>,
  ): Promise<FileKeeper> {
    const keeper = new FileKeeper(shelf, model, file, check);
    const kept = await shelf.kept();
    file.parts.forEach((part, index) => {
      if (part !== null && kept.has(part.sha256)) keeper.#present.add(index);
    });
    return keeper;
  }

  get present(): ReadonlySet<number> {
    return this.#present;
  }

  get presentBytes(): number {
    return this.file.parts.reduce(
      (sum, part, index) => sum + (this.#present.has(index) ? (part?.bytes ?? 0) : 0),
      0,
    );
  }

  /** Nothing is left to be fetched. */
  get isWhole(): boolean {
    return this.file.bytes > 0 && this.presentBytes === this.file.bytes;
  }

  get seen(): { bytes: number; mark: string } {
    return { bytes: this.file.bytes, mark: this.file.mark };
  }

  see(bytes: number, mark: string): void {
    this.file.bytes = bytes;
    this.file.mark = mark;
  }

  async keep(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const { parts } = this.file;
    const sha256 = await sha256Hex(bytes);
    const before = parts[index] ?? null;
    if (before !== null && before.sha256 !== sha256) return false;
    if (index === 0 && before === null && this.file.bytes > 0) await this.check?.(bytes, this.file.bytes);
    if (!(await this.#shelf.has(sha256))) await this.#shelf.keep(sha256, bytes);
    while (parts.length < index) parts.push(null);
    parts[index] = { sha256, bytes: bytes.length };
    this.#present.add(index);
    await this.#putModel();
    return true;
  }

  async drop(index: number): Promise<number> {
    let dropped = 0;
    const removed = this.file.parts.splice(index);
    removed.forEach((part, offset) => {
      if (this.#present.delete(index + offset)) dropped += part?.bytes ?? 0;
    });
    if (removed.length === 0) return 0;
    await this.#putModel();
    await this.#shelf.forgetUnused(removed.filter((part) => part !== null));
    return dropped;
  }

  async #putModel(): Promise<void> {
    if (this.#model !== null) await this.#shelf.putModel(this.#model);
  }
}
