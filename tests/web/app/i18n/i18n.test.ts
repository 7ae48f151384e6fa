// Texts, numbers and sizes in both languages.

import { afterEach, expect, test } from "vitest";
import {
  failureText,
  formatBytes,
  formatBytesOf,
  formatLanguages,
  formatParameters,
  formatRate,
  formatSeconds,
  language,
  preferredLanguage,
  t,
} from "../../../../web/app/i18n";
import { en } from "../../../../web/app/i18n/en";
import { toolsEn } from "../../../../web/app/i18n/tools_en";
import { toolsZh } from "../../../../web/app/i18n/tools_zh";
import { zh } from "../../../../web/app/i18n/zh";
import { CORE_CODES, LIBRARY_CODES } from "../../../../web/engine/errors";

afterEach(() => {
  language.value = "en";
});

/** Every text of a table by its place, functions by how many arguments they take. */
function places(table: object, path = ""): [string, string | number][] {
  return Object.entries(table).flatMap(([key, value]): [string, string | number][] => {
    const place = `${path}.${key}`;
    if (typeof value === "object") return places(value, place);
    return [[place, typeof value === "function" ? value.length : String(value)]];
  });
}

test("the first language that the page has is taken, else English", () => {
  expect(preferredLanguage(["fr-FR", "zh-TW", "en"])).toBe("zh");
  expect(preferredLanguage(["en-GB", "zh"])).toBe("en");
  expect(preferredLanguage(["fr"])).toBe("en");
  expect(preferredLanguage([])).toBe("en");
});

test("no text is empty in either language, and none shouts", () => {
  for (const table of [en, zh, toolsEn, toolsZh]) {
    for (const [place, text] of places(table)) {
      if (typeof text !== "string") continue;
      expect(text, place).not.toBe("");
      expect(text, place).not.toMatch(/[!！]|\p{Extended_Pictographic}/u);
    }
  }
});

test("sizes and times are written as the header shows them", () => {
  expect(formatBytesOf(12_400_000, 19_826_144)).toBe("12.4 of 19.8 MB");
  expect(t.value.progress.download("12.4 of 19.8 MB", formatRate(8_100_000), formatSeconds(0.9))).toBe(
    "12.4 of 19.8 MB, 8.1 MB/s, 1 s left",
  );
  expect(formatRate(24_000)).toBe("24 KB/s");
  expect(formatBytes(142_300_000)).toBe("142 MB");
  expect(formatSeconds(200)).toBe("3 min");
  expect(formatParameters(17_544_960)).toBe("17 million");
  expect(formatLanguages(["en", "zh"])).toBe("English and Chinese");
  expect(formatLanguages(["not a language"])).toBe("not a language");
});

test("sizes and times in Chinese", () => {
  language.value = "zh";
  expect(formatBytesOf(12_400_000, 19_826_144)).toBe("12.4 / 19.8 MB");
  expect(formatSeconds(0.2)).toBe("1 秒");
  expect(formatParameters(17_544_960)).toBe("1700 万");
  expect(formatLanguages(["en"])).toBe("英语");
});

test("every code of the core and of the library has a cause and a next step of its own", () => {
  for (const lang of ["en", "zh"] as const) {
    language.value = lang;
    for (const code of [...CORE_CODES, ...LIBRARY_CODES]) {
      if (code === "OK" || code === "ABORTED") continue; // not failures
      const { cause, next } = failureText(code);
      expect(cause, code).not.toBe(t.value.failures.other.cause);
      expect(next, code).not.toBe("");
    }
  }
  expect(failureText("BAD_MAGIC")).toBe(t.value.failures.BAD_FILE);
});

test("a code that nobody knows gets the general sentence", () => {
  expect(failureText("constructor")).toBe(t.value.failures.other);
  expect(failureText("never heard of")).toBe(t.value.failures.other);
});
