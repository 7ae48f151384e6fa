// Which builds are tried: the probe modules in this engine, and the ladder for every combination of features.
import { describe, expect, test } from "vitest";
import {
  BUILD_NAMES,
  chooseThreads,
  type Features,
  ladder,
  RELAXED_PROBE,
  requestedBuild,
  SIMD128_PROBE,
  THREADS_PROBE,
} from "../../../web/engine/builds";

const all: Features = { simd128: true, relaxed: true, threads: true, isolated: true };

describe("probe modules", () => {
  // Node 24's engine has all three features, so a module that does not validate here is a mistyped module.
  test.each([
    ["simd128", SIMD128_PROBE],
    ["relaxed", RELAXED_PROBE],
    ["threads", THREADS_PROBE],
  ])("%s is a valid module", (_, bytes) => {
    expect(WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)).toBe(true);
  });

  test("the instruction is what makes the difference: an unassigned opcode is refused", () => {
    const unknown = RELAXED_PROBE.slice();
    unknown[unknown.length - 3] = 0xff; // 0xfd 0x17f is no instruction
    expect(WebAssembly.validate(unknown)).toBe(false);
  });
});

describe("ladder", () => {
  test("all features: relaxed before simd128, threads before one thread", () => {
    expect(ladder(all, 2, null)).toEqual(["relaxed-threads", "relaxed", "simd128-threads", "simd128"]);
  });

  test("R1: without shared memory the builds with one thread remain", () => {
    expect(ladder({ ...all, threads: false, isolated: false }, 4, null)).toEqual(["relaxed", "simd128"]);
  });

  test("R2: no relaxed SIMD leaves simd128", () => {
    expect(ladder({ ...all, relaxed: false }, 2, null)).toEqual(["simd128-threads", "simd128"]);
  });

  test("R2: no SIMD at all names the versions that have it", () => {
    expect(() => ladder({ ...all, simd128: false }, 2, null)).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED_BROWSER",
        message: expect.stringMatching(/91.*89.*16\.4/),
      }),
    );
  });

  test("one thread needs no build with threads", () => {
    expect(ladder(all, 1, null)).toEqual(["relaxed", "simd128"]);
  });

  test("a forced build is the only one, and an error where it cannot run", () => {
    for (const build of BUILD_NAMES) expect(ladder(all, 2, build)).toEqual([build]);
    expect(() => ladder({ ...all, relaxed: false }, 2, "relaxed")).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_BROWSER" }),
    );
  });

  test("?build= is read only when it names a build", () => {
    expect(requestedBuild("?build=simd128-threads")).toBe("simd128-threads");
    expect(requestedBuild("?build=fast")).toBeNull();
    expect(requestedBuild("")).toBeNull();
  });
});

describe("threads", () => {
  test("R11: what the browser says of its processors is clamped", () => {
    expect(
      [undefined, Number.NaN, 0, 1, 2, 4, 8, 16, 64, 1e9].map((count) => chooseThreads(0, count)),
    ).toEqual([1, 1, 1, 1, 2, 2, 4, 8, 8, 8]);
  });

  test("what the caller asks for is taken", () => {
    expect(chooseThreads(3, 1)).toBe(3);
    expect(chooseThreads(1000, 8)).toBe(64);
  });

  test("is a whole number, whatever is asked for: one less of it counts down to 0", () => {
    expect([2.5, 1.5, 0.5, -1, Number.NaN].map((wanted) => chooseThreads(wanted, 8))).toEqual([
      2, 1, 4, 4, 4,
    ]);
  });
});
