// What the user prefers, kept in localStorage: theme, language, sampling options by model, notices put away. Stored
// data is checked as it comes in; a browser without storage keeps them for the visit.

import { effect, type Signal, signal } from "@preact/signals";
import { type Overrides, readOverrides } from "./options";

export type Theme = "auto" | "light" | "dark";
export type LanguageChoice = "auto" | "en" | "zh";

export interface Preferences {
  theme: Theme;
  language: LanguageChoice;
  options: Record<string, Overrides>; // by model id
  dismissed: string[]; // notices
  model: string; // what to load, "" for the page's own
  speeds: Record<string, number>; // tokens a second on this device, by model id
  chats: "auto" | "shown" | "hidden"; // the list of conversations beside the page, where there is room
}

/** public/theme.js reads the same key before the first paint. */
export const PREFERENCES_KEY = "parley.preferences";

function oneOf<T extends string>(value: unknown, choices: readonly T[], fallback: T): T {
  return choices.find((choice) => choice === value) ?? fallback;
}

export function readPreferences(text: string | null): Preferences {
  let stored: Record<string, unknown> = {};
  try {
    const data: unknown = JSON.parse(text ?? "{}");
    if (typeof data === "object" && data !== null) stored = data as Record<string, unknown>;
  } catch {
    // Damaged: start from the defaults.
  }
  const options = new Map<string, Overrides>();
  if (typeof stored.options === "object" && stored.options !== null) {
    for (const [model, overrides] of Object.entries(stored.options))
      options.set(model, readOverrides(overrides));
  }
  const speeds = Object.entries(Object(stored.speeds) as object).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number" && entry[1] > 0,
  );
  const dismissed = Array.isArray(stored.dismissed) ? stored.dismissed : [];
  return {
    theme: oneOf(stored.theme, ["auto", "light", "dark"], "auto"),
    language: oneOf(stored.language, ["auto", "en", "zh"], "auto"),
    options: Object.fromEntries(options),
    dismissed: dismissed.filter((code): code is string => typeof code === "string"),
    model: typeof stored.model === "string" ? stored.model.slice(0, 4096) : "",
    speeds: Object.fromEntries(speeds),
    chats: oneOf(stored.chats, ["auto", "shown", "hidden"], "auto"),
  };
}

export interface PreferencesState {
  readonly value: Signal<Preferences>;
  change(part: Partial<Preferences>): void;
  sawSpeed(model: string, tokensPerSecond: number): void;
  overrides(model: string): Overrides;
  setOverrides(model: string, overrides: Overrides): void;
}

function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

export function createPreferences(
  store: Pick<Storage, "getItem" | "setItem"> | null = storage(),
): PreferencesState {
  let text: string | null = null;
  try {
    text = store?.getItem(PREFERENCES_KEY) ?? null;
  } catch {
    // Refused: the defaults.
  }
  const value = signal(readPreferences(text));
  let first = true;
  effect(() => {
    const json = JSON.stringify(value.value);
    if (first) {
      first = false;
      return;
    }
    try {
      store?.setItem(PREFERENCES_KEY, json);
    } catch {
      // Refused or full: they last for the visit.
    }
  });
  const change = (part: Partial<Preferences>) => {
    value.value = { ...value.peek(), ...part };
  };
  return {
    value,
    change,
    sawSpeed: (model, tokensPerSecond) =>
      change({ speeds: { ...value.peek().speeds, [model]: tokensPerSecond } }),
    overrides: (model) => value.value.options[model] ?? {},
    setOverrides(model, overrides) {
      const { [model]: _replaced, ...others } = value.peek().options;
      change({ options: Object.keys(overrides).length > 0 ? { ...others, [model]: overrides } : others });
    },
  };
}
