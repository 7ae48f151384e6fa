// Reads a file's parts in order and has the next ones opened meanwhile: finding and opening a part takes the browser a few
// milliseconds, in which a load repacks. What a part is stands in parted_file.ts, where it lies is library.ts's.
import type { OpenedPart, PartedFile } from "./parted_file";

const AHEAD = 4; // opening takes three turns of the message queue, and a load takes one between two parts

export class ReadAhead {
  readonly #file: PartedFile;
  readonly #opened = new Map<number, Promise<OpenedPart>>();

  /** Begins to open parts, `first` being the first that is wanted. */
  constructor(file: PartedFile, first = 0) {
    this.#file = file;
    this.#openFrom(first);
  }

  /** Reads part `index` into `target` and says how many bytes it has. */
  async read(index: number, target: Uint8Array): Promise<number> {
    const part = await this.#take(index);
    try {
      return await part.read(target);
    } finally {
      part.close();
    }
  }

  /** Lets go of what was opened and not read. */
  close(): void {
    for (const opening of this.#opened.values()) {
      opening.then(
        (part) => part.close(),
        () => {},
      );
    }
    this.#opened.clear();
  }

  #take(index: number): Promise<OpenedPart> {
    this.#openFrom(index);
    const opening = this.#opened.get(index) ?? this.#file.open(index);
    this.#opened.delete(index);
    return opening;
  }

  #openFrom(index: number): void {
    for (let next = index; next < Math.min(index + AHEAD, this.#file.partCount); next++) {
      if (this.#opened.has(next)) continue;
      const opening = this.#file.open(next);
      opening.catch(() => {}); // whoever reads it hears of it
      this.#opened.set(next, opening);
    }
  }
}
