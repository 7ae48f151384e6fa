// Parts opened ahead of their reading: each is opened once, closed once, and found in its own place.
import { expect, test } from "vitest";
import type { PartedFile } from "../../../../web/engine/models/parted_file";
import { ReadAhead } from "../../../../web/engine/models/read_ahead";

/** A file of parts that hold their own number; `bad` is one that cannot be opened. */
class FakeFile implements PartedFile {
  readonly name = "fake.gguf";
  readonly bytes = 0;
  readonly opened: number[] = [];
  readonly closed: number[] = [];

  constructor(
    readonly partCount: number,
    private readonly bad = -1,
  ) {}

  async open(index: number) {
    this.opened.push(index);
    if (index === this.bad) throw new Error(`part ${index} is gone`);
    return {
      read: async (target: Uint8Array) => {
        target[0] = index;
        return 1;
      },
      close: () => void this.closed.push(index),
    };
  }

  read(): Promise<number> {
    throw new Error("read() opens a part for itself");
  }
}

test("every part is opened before it is needed, read in order and closed", async () => {
  const file = new FakeFile(6);
  const parts = new ReadAhead(file);
  const target = new Uint8Array(1);
  expect(await parts.read(0, target)).toBe(1);
  expect(file.opened).toEqual([0, 1, 2, 3]);
  for (let index = 1; index < 6; index++) {
    expect(await parts.read(index, target)).toBe(1);
    expect(target[0]).toBe(index);
  }
  parts.close();
  expect(file.opened).toEqual([0, 1, 2, 3, 4, 5]);
  expect(file.closed).toEqual([0, 1, 2, 3, 4, 5]);
});

test("what was opened and not read is closed when reading ends early", async () => {
  const file = new FakeFile(9);
  const parts = new ReadAhead(file);
  await parts.read(0, new Uint8Array(1));
  parts.close();
  await Promise.resolve();
  await Promise.resolve();
  expect(file.closed.sort()).toEqual([0, 1, 2, 3]);
});

test("a part that cannot be opened fails its own reading, not the one before", async () => {
  const file = new FakeFile(3, 2);
  const parts = new ReadAhead(file);
  const target = new Uint8Array(1);
  await parts.read(0, target);
  await parts.read(1, target);
  await expect(parts.read(2, target)).rejects.toThrow("part 2 is gone");
  parts.close();
  expect(file.closed).toEqual([0, 1]);
});

test("what comes before the first part that is wanted is not opened", async () => {
  const file = new FakeFile(3);
  const parts = new ReadAhead(file, 1);
  expect(file.opened).toEqual([1, 2]);
  const target = new Uint8Array(1);
  await parts.read(1, target);
  expect(target[0]).toBe(1);
  parts.close();
  await Promise.resolve();
  await Promise.resolve();
  expect(file.closed).toEqual([1, 2]);
});
