// Sampling options as the form takes them: texts to values and back, and values out of stored data.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  effective,
  formatBias,
  formatStops,
  numberRanges,
  parseBias,
  parseNumber,
  parseSeed,
  parseStops,
  parseTokenIds,
  readOverrides,
  requestParams,
} from "../../../../web/app/state/options";

const ranges = numberRanges(512, 8192);

test("a number outside of its range, or no number, is refused", () => {
  expect(parseNumber("0", ranges.temperature)).toBe(0);
  expect(parseNumber("2", ranges.temperature)).toBe(2);
  for (const text of ["", " ", "-0.1", "2.01", "NaN", "Infinity", "hot", "1,2"]) {
    expect(parseNumber(text, ranges.temperature), text).toBeNull();
  }
  expect(parseNumber("0", ranges.top_p)).toBeNull(); // (0, 1]
  expect(parseNumber("1", ranges.min_p)).toBeNull(); // [0, 1)
  expect(parseNumber("2.5", ranges.top_k)).toBeNull();
  expect(parseNumber("8193", ranges.top_k)).toBeNull();
});

test("a seed is a whole number up to 2^53 - 1", () => {
  expect(parseSeed("9007199254740991")).toBe(2 ** 53 - 1);
  expect(parseSeed("9007199254740992")).toBeNull();
  expect(parseSeed("-1")).toBeNull();
});

test("the user's choice comes before the preset, the preset before the default", () => {
  const preset = { temperature: 0.7, max_tokens: 64 };
  expect(effective("temperature", ranges.temperature, { temperature: 1.2 }, preset)).toBe(1.2);
  expect(effective("temperature", ranges.temperature, {}, preset)).toBe(0.7);
  expect(effective("top_k", ranges.top_k, {}, preset)).toBe(50);
  expect(effective("max_tokens", numberRanges(32).max_tokens, {}, preset)).toBe(32);
});

test("stop strings survive being written as lines and read again", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { maxLength: 16 }), (stops) => {
      expect(parseStops(formatStops(stops))).toEqual(stops);
    }),
  );
  expect(parseStops("a\n\\nUser:")).toEqual(["a", "\nUser:"]);
  expect(parseStops("x\n".repeat(17))).toBeNull();
});

test("token biases survive being written and read again; anything else is refused", () => {
  const pairs = fc.dictionary(
    fc.integer({ min: 0, max: 65_535 }).map(String),
    fc.integer({ min: -400, max: 400 }).map((quarters) => quarters / 4),
  );
  fc.assert(
    fc.property(pairs, (biases) => {
      expect(parseBias(formatBias(biases))).toEqual({ ...biases });
    }),
  );
  for (const text of ["318", "318: high", "-1: 2", "318: 101", "65536: 1", "__proto__: 1"]) {
    expect(parseBias(text), text).toBeNull();
  }
});

test("token ids are whole numbers within the vocabulary", () => {
  expect(parseTokenIds("11, 198")).toEqual([11, 198]);
  expect(parseTokenIds("")).toEqual([]);
  for (const text of ["1.5", "-1", "65536", "a"]) expect(parseTokenIds(text), text).toBeNull();
});

test("whatever is stored, reading it gives only options that are in range", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (stored) => {
      const overrides = readOverrides(stored);
      for (const [name, value] of Object.entries(overrides)) {
        if (name in ranges) {
          expect(parseNumber(String(value), numberRanges()[name as keyof typeof ranges])).not.toBeNull();
        }
      }
    }),
  );
  expect(
    readOverrides({ temperature: 3, top_k: 40, seed: -1, stop: [1, "\n"], logit_bias: { x: 1 } }),
  ).toEqual({
    top_k: 40,
    stop: ["\n"],
  });
});

test("a request carries the user's choices alone, and no empty lists", () => {
  expect(requestParams({})).toEqual({});
  expect(requestParams({ temperature: 0, stop: [], logit_bias: {}, stop_token_ids: [] })).toEqual({
    temperature: 0,
  });
  expect(requestParams({ stop: ["\n"], seed: 7 })).toEqual({ stop: ["\n"], seed: 7 });
});
