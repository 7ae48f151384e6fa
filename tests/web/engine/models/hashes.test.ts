// SHA-256 against Node's, with and without crypto.subtle; the checksum's promises.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { checksum } from "../../../../web/engine/models/checksum";
import { Sha256, sha256Hex } from "../../../../web/engine/models/sha256";

const bytesOf = (maxLength: number) =>
  fc.uint8Array({ minLength: 0, maxLength }).map((bytes) => new Uint8Array(bytes));
const reference = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

afterEach(() => vi.unstubAllGlobals());

describe("sha256", () => {
  test("is Node's, from the browser's own", () =>
    fc.assert(
      fc.asyncProperty(bytesOf(300), async (bytes) => (await sha256Hex(bytes)) === reference(bytes)),
    ));

  test("is Node's, from the library where there is no crypto.subtle", async () => {
    vi.stubGlobal("crypto", {});
    await fc.assert(
      fc.asyncProperty(bytesOf(300), async (bytes) => (await sha256Hex(bytes)) === reference(bytes)),
    );
  });

  test("is the same in pieces", () =>
    fc.assert(
      fc.property(bytesOf(300), fc.nat(300), (bytes, at) => {
        const hash = new Sha256();
        hash.update(bytes.subarray(0, at));
        hash.update(bytes.subarray(at));
        return hash.hex() === reference(bytes);
      }),
    ));
});

describe("checksum", () => {
  test("sees every change of one byte", () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, flip) => {
          const changed = bytes.slice();
          const index = at % bytes.length;
          changed[index] = (changed[index] as number) ^ flip;
          return checksum(changed) !== checksum(bytes);
        },
      ),
    ));

  test("sees a tail that was cut off or filled with zeros", () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 200 }), fc.nat(), (bytes, cut) => {
        bytes.fill(7, bytes.length - 1);
        const length = cut % bytes.length;
        const zeroed = bytes.slice().fill(0, length);
        return checksum(zeroed) !== checksum(bytes) && checksum(bytes.slice(0, length)) !== checksum(bytes);
      }),
    ));

  test("depends on the bytes alone, not on where they lie", () =>
    fc.assert(
      fc.property(bytesOf(200), fc.integer({ min: 0, max: 9 }), (bytes, shift) => {
        const shifted = new Uint8Array(bytes.length + shift);
        shifted.set(bytes, shift);
        return checksum(shifted.subarray(shift)) === checksum(bytes);
      }),
    ));

  test("is the same in shared memory", () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, index) => index * 7);
    const shared = new Uint8Array(new SharedArrayBuffer(104)).subarray(4);
    shared.set(bytes);
    expect(checksum(shared)).toBe(checksum(bytes));
  });
});
