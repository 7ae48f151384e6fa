// Fetches one file whose parts have no addresses of their own: part by part with Range where the host can do that and its
// answers can be told apart, else whole with one GET, in which parts that are there already pass without being written
// again. What is stored, and where, is the keeper's business.
import { ParleyError } from "../errors";
import { describeImpostor, fetchChunks, inParallel, Retry, retrying, type World } from "./download";
import type { ProgressMeter } from "./progress";

/** The parts of one file that have arrived. */
export interface Keeper {
  readonly present: ReadonlySet<number>;
  /**
   * Stores a part; false, and nothing is stored, when another part `index` was here before: the file has changed. The bytes
   * are the caller's again when it is done.
   */
  keep(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Forgets the parts from `index` on and says how many bytes those had that were present. */
  drop(index: number): Promise<number>;
  /** What tells one state of the file from another: its size, 0 when unknown, and the host's mark, "" when it has none. */
  readonly seen: { bytes: number; mark: string };
  see(bytes: number, mark: string): void;
}

export interface FileTask {
  url: string;
  partBytes: number;
  bytes: number; // as a manifest says; 0 where none does
  certain: boolean; // a hash of the whole file is known and will be checked
}

/** The host has no ranges that can be trusted, or the file is another than before. */
class Refused extends Error {}

export async function fetchFile(
  task: FileTask,
  keeper: Keeper,
  meter: ProgressMeter,
  world: World,
  signal: AbortSignal | undefined,
  ranges = true,
): Promise<void> {
  const small = task.bytes > 0 && task.bytes <= task.partBytes;
  if (ranges && !small) {
    try {
      return await new RangeFetch(task, keeper, meter, world, signal).run();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }
  await fetchWhole(task, keeper, meter, world, signal);
}

class RangeFetch {
  #proven = false; // a range came as asked for
  readonly #rooms: Uint8Array<ArrayBuffer>[] = []; // for a part each, used over and over

  constructor(
    private readonly task: FileTask,
    private readonly keeper: Keeper,
    private readonly meter: ProgressMeter,
    private readonly world: World,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async run(): Promise<void> {
    await this.#probe();
    const missing = this.#missing();
    await inParallel(missing, this.signal, (index, signal) => this.#fetchPart(index, signal));
  }

  #missing(): number[] {
    const count = Math.ceil(this.keeper.seen.bytes / this.task.partBytes);
    return Array.from({ length: count }, (_, index) => index).filter(
      (index) => !this.keeper.present.has(index),
    );
  }

  /** One part alone shows how large the file is and whether ranges work; without a mark, that it is still the same file. */
  async #probe(): Promise<void> {
    const { present, seen } = this.keeper;
    if (seen.bytes === 0) this.keeper.see(this.task.bytes, seen.mark);
    const last = Math.max(-1, ...present);
    const unmarked = seen.mark === "" && !this.task.certain && last >= 0;
    const first = this.#missing()[0] ?? (this.keeper.seen.bytes === 0 ? 0 : -1);
    if (unmarked && first !== -1) {
      await this.#inRoom(async (room) => {
        const bytes = await this.#range(last, room, this.signal);
        this.meter.add(-bytes.length);
        if (!(await this.keeper.keep(last, bytes))) throw new Refused();
      });
    } else if (first !== -1) {
      await this.#fetchPart(first, this.signal);
    }
  }

  async #inRoom(work: (room: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<void> {
    const room = this.#rooms.pop() ?? new Uint8Array(this.task.partBytes);
    try {
      await work(room);
    } finally {
      this.#rooms.push(room);
    }
  }

  #fetchPart(index: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#inRoom(async (room) => {
      const bytes = await this.#range(index, room, signal);
      if (index === 0) refuseImpostor(this.task.url, bytes);
      if (!(await this.keeper.keep(index, bytes))) {
        this.meter.add(-bytes.length);
        throw new Refused();
      }
      this.meter.flush();
    });
  }

  /** Part `index`, at the beginning of `room`. */
  async #range(
    index: number,
    room: Uint8Array<ArrayBuffer>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { world, meter } = this;
    try {
      const most = this.#proven ? 6 : 2;
      return await retrying(world, meter, signal, () => this.#attempt(index, room, signal), most);
    } catch (error) {
      if (isRefusal(error, this.#proven)) throw new Refused();
      throw error;
    }
  }

  async #attempt(
    index: number,
    room: Uint8Array<ArrayBuffer>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { url, partBytes } = this.task;
    const start = index * partBytes;
    const end = Math.min(start + partBytes, this.keeper.seen.bytes || Number.MAX_SAFE_INTEGER);
    let expected = end - start;
    let used = 0;
    const onAnswer = (response: Response) => {
      expected = this.#check(response, start, end);
    };
    try {
      const headers = { Range: `bytes=${start}-${end - 1}` };
      for await (const chunk of fetchChunks(url, this.world, signal, "no-store", onAnswer, headers)) {
        if (used + chunk.length > expected) throw cut(url, `more than the ${expected} bytes asked for`);
        room.set(chunk, used);
        used += chunk.length;
        this.meter.add(chunk.length);
      }
      if (used < expected) throw cut(url, `${used} of the ${expected} bytes asked for`);
      this.#proven = true;
      return room.subarray(0, expected);
    } catch (error) {
      this.meter.add(-used);
      throw error;
    }
  }

  /** How many bytes a 206 will have; Refused when it cannot be told what they are. */
  #check(response: Response, start: number, end: number): number {
    if (response.status !== 206) throw new Refused();
    const { bytes: size, mark } = this.keeper.seen;
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
    if (range === null) {
      // Many hosts hide the header from other origins. A hash of the whole file tells afterwards.
      if (!this.task.certain || size === 0) throw new Refused();
      return end - start;
    }
    const [first, last, total] = range.slice(1).map(Number) as [number, number, number];
    const newMark = markOf(response);
    const changed = (size > 0 && total !== size) || (!this.task.certain && mark !== "" && newMark !== mark);
    if (changed || first !== start || last !== Math.min(end, total) - 1) throw new Refused();
    this.keeper.see(total, newMark);
    this.meter.expectFile(this.task.url, total);
    return last - first + 1;
  }
}

/** 416 means another file; where no range ever came, so may what hosts and preflights do that know no ranges. */
function isRefusal(error: unknown, proven: boolean): boolean {
  if (!(error instanceof ParleyError)) return false;
  const status = error.code === "HTTP_STATUS" ? Number(/answered (\d+)/.exec(error.message)?.[1]) : 0;
  if (status === 416) return true;
  return !proven && (error.code === "NETWORK" || [400, 403, 405, 501].includes(status));
}

function markOf({ headers }: Response): string {
  return headers.get("ETag") ?? headers.get("Last-Modified") ?? "";
}

function cut(url: string, what: string): Retry {
  return new Retry(new ParleyError("NETWORK", `${url} gave ${what}.`));
}

function refuseImpostor(url: string, bytes: Uint8Array): void {
  const what = describeImpostor(bytes);
  if (what !== null) throw new ParleyError("BAD_MAGIC", `${url} is ${what}.`);
}

/** One GET from the beginning. A stream is one state of the file, so parts that differ from it are replaced. */
async function fetchWhole(
  task: FileTask,
  keeper: Keeper,
  meter: ProgressMeter,
  world: World,
  signal: AbortSignal | undefined,
): Promise<void> {
  await retrying(world, meter, signal, async () => {
    const stream = new WholeStream(task, keeper, meter);
    try {
      const onAnswer = (response: Response) => stream.begin(response);
      const chunks = fetchChunks(task.url, world, signal, "no-store", onAnswer);
      for await (const chunk of chunks) await stream.write(chunk);
      await stream.end();
    } catch (error) {
      stream.giveUp();
      throw error;
    }
  });
}

class WholeStream {
  readonly #part: Uint8Array<ArrayBuffer>;
  #index = 0;
  #used = 0;
  #counted = 0; // bytes of the part under way that the meter was told of
  #total = 0;
  #mark = "";

  constructor(
    private readonly task: FileTask,
    private readonly keeper: Keeper,
    private readonly meter: ProgressMeter,
  ) {
    this.#part = new Uint8Array(task.partBytes);
  }

  begin(response: Response): void {
    if (response.status === 206) throw cut(this.task.url, "a piece of the file that was not asked for");
    this.#mark = markOf(response);
    // With a coding, the length is that of what travels.
    const length = Number(response.headers.get("Content-Length") ?? 0);
    if (this.task.bytes === 0 && !response.headers.has("Content-Encoding")) {
      this.meter.expectFile(this.task.url, length);
    }
    if (this.keeper.present.size > 0) this.meter.wait("reread");
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const take = Math.min(this.#part.length - this.#used, chunk.length - at);
      this.#part.set(chunk.subarray(at, at + take), this.#used);
      this.#used += take;
      this.#total += take;
      at += take;
      if (!this.keeper.present.has(this.#index)) {
        this.#counted += take;
        this.meter.add(take);
      }
      if (this.task.bytes > 0 && this.#total > this.task.bytes) throw this.#wrongSize();
      if (this.#used === this.#part.length) await this.#finishPart();
    }
  }

  async end(): Promise<void> {
    if (this.#total === 0) throw cut(this.task.url, "not a byte");
    if (this.#used > 0) await this.#finishPart();
    if (this.task.bytes > 0 && this.#total !== this.task.bytes) throw this.#wrongSize();
    this.meter.add(-(await this.keeper.drop(this.#index)));
    this.keeper.see(this.#total, this.#mark);
    this.meter.expectFile(this.task.url, this.#total);
    this.meter.flush();
  }

  giveUp(): void {
    this.meter.add(-this.#counted);
  }

  async #finishPart(): Promise<void> {
    const bytes = this.#part.subarray(0, this.#used);
    if (this.#index === 0) refuseImpostor(this.task.url, bytes);
    if (!(await this.keeper.keep(this.#index, bytes))) {
      const present = this.keeper.present.has(this.#index);
      const dropped = await this.keeper.drop(this.#index);
      this.meter.add((present ? bytes.length : 0) - dropped);
      await this.keeper.keep(this.#index, bytes);
    }
    this.#index += 1;
    this.#used = 0;
    this.#counted = 0;
  }

  #wrongSize(): Retry {
    const { url, bytes } = this.task;
    const size = this.#total > bytes ? `more than the ${bytes}` : `${this.#total} of ${bytes}`;
    return new Retry(new ParleyError("HASH_MISMATCH", `${url} has ${size} bytes that it should have.`), 0, 2);
  }
}
