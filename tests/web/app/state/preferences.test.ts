// Preferences as they come out of storage and go back.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createPreferences, PREFERENCES_KEY, readPreferences } from "../../../../web/app/state/preferences";

const defaults = {
  theme: "auto",
  language: "auto",
  options: {},
  dismissed: [],
  model: "",
  speeds: {},
  chats: "auto",
};

function memory(): Pick<Storage, "getItem" | "setItem"> & { map: Map<string, string> } {
  const map = new Map<string, string>();
  return { map, getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value) };
}

test("damaged or foreign data gives the defaults", () => {
  for (const text of [
    null,
    "",
    "{",
    "null",
    "[]",
    '{"theme":"pink","language":7,"options":4,"dismissed":"x"}',
  ]) {
    expect(readPreferences(text)).toEqual(defaults);
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      const read = readPreferences(text);
      expect(["auto", "light", "dark"]).toContain(read.theme);
      expect(["auto", "en", "zh"]).toContain(read.language);
      expect(read.dismissed.every((code) => typeof code === "string")).toBe(true);
    }),
  );
});

test("a change is stored at once and read again", () => {
  const store = memory();
  const first = createPreferences(store);
  first.change({ theme: "dark" });
  first.setOverrides("parley-17m", { temperature: 1.2 });
  const again = createPreferences(store);
  expect(again.value.value.theme).toBe("dark");
  expect(again.overrides("parley-17m")).toEqual({ temperature: 1.2 });
  again.setOverrides("parley-17m", {});
  expect(JSON.parse(store.map.get(PREFERENCES_KEY) ?? "").options).toEqual({});
});

test("R12: a browser that refuses storage keeps preferences for the visit", () => {
  const refusing = {
    getItem: (): string => {
      throw new DOMException("denied", "SecurityError");
    },
    setItem: () => {
      throw new DOMException("denied", "QuotaExceededError");
    },
  };
  const preferences = createPreferences(refusing);
  preferences.change({ language: "zh" });
  expect(preferences.value.value.language).toBe("zh");
});
