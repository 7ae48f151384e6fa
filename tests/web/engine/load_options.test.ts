// What a model may be loaded with: whole numbers in range and known names, or an error that says what was given.
import { describe, expect, test } from "vitest";
import { checkLoadOptions } from "../../../web/engine/load_options";
import type { LoadOptions } from "../../../web/engine/types";

const check = (options: unknown) => checkLoadOptions(options as LoadOptions);

describe("load options", () => {
  test("what is right goes on as it is", () => {
    const onProgress = () => {};
    const { signal } = new AbortController();
    const options = { context: 512, threads: 2, quantization: "q4_0" as const, onProgress, signal };
    expect(check(options)).toEqual(options);
    expect(check({ context: 8, threads: 1 })).toEqual({ context: 8, threads: 1 });
    expect(check({ context: 2 ** 20, threads: 64 })).toEqual({ context: 2 ** 20, threads: 64 });
  });

  test("null and undefined mean left out", () => {
    expect(check({ context: null, threads: undefined, quantization: null, signal: null })).toEqual({});
    expect(check({})).toEqual({});
    expect(check(null)).toEqual({});
  });

  test.each([
    [{ threads: 2.5 }, "threads must be a whole number from 1 to 64, not 2.5."],
    [{ threads: -1 }, "threads must be a whole number from 1 to 64, not -1."],
    [{ threads: 0 }, "threads must be a whole number from 1 to 64, not 0."],
    [{ threads: 65 }, "threads must be a whole number from 1 to 64, not 65."],
    [{ threads: "2" }, 'threads must be a whole number from 1 to 64, not "2".'],
    [{ context: Number.NaN }, "context must be a whole number from 8 to 1048576, not NaN."],
    [{ context: 2 ** 32 + 512 }, "context must be a whole number from 8 to 1048576, not 4294967808."],
    [{ context: 7 }, "context must be a whole number from 8 to 1048576, not 7."],
    [{ context: [512] }, "context must be a whole number from 8 to 1048576, not a list."],
    [{ context: {} }, "context must be a whole number from 8 to 1048576, not an object."],
    [{ quantization: "q5_0" }, 'quantization must be q8_0 or q4_0, not "q5_0".'],
    [{ quantization: 8 }, "quantization must be q8_0 or q4_0, not 8."],
  ])("%j is BAD_ARG with its name, its value and what is allowed", (options, message) => {
    expect(() => check(options)).toThrow(expect.objectContaining({ code: "BAD_ARG", message }));
  });

  test("a name that is no option is UNSUPPORTED_OPTION", () => {
    expect(() => check({ thread: 2 })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_OPTION", message: expect.stringContaining("thread ") }),
    );
  });
});
