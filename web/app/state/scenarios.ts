// What a conversation can be for. A scenario tells the model what it is, draws as suits that, and offers three ways to
// begin. Its texts are in the language of the bundled model, whatever the page speaks, and of the kind it was trained on.
// A conversation has the scenario whose system text it has; nothing else of it is stored.

import type { SamplingParams } from "../../engine/types";
import { type Overrides, requestParams } from "./options";

export const SCENARIO_IDS = ["any", "service", "assistant", "smallTalk"] as const;
export type ScenarioId = (typeof SCENARIO_IDS)[number];

export interface Scenario {
  system: string;
  starters: readonly string[];
  /** In place of the model's preset, and below what the user chose. */
  sampling: Pick<Overrides, "temperature" | "top_p">;
}

export const SCENARIOS: Readonly<Record<ScenarioId, Scenario>> = {
  any: {
    system: "",
    starters: [
      "Can you tell me the status of my order?",
      "Book a table for two at an Italian restaurant tonight.",
      "Do you like movies?",
    ],
    sampling: {},
  },
  service: {
    system: "You are a customer service assistant.",
    starters: [
      "Can you tell me the status of my order?",
      "I would like to return a pair of shoes.",
      "My delivery has not arrived yet.",
    ],
    sampling: { temperature: 0.5, top_p: 0.9 },
  },
  assistant: {
    system: "You help people book services and find information.",
    starters: [
      "Book a table for two at an Italian restaurant tonight.",
      "What is the weather like in San Francisco tomorrow?",
      "Add a meeting to my calendar on Monday at ten.",
    ],
    sampling: { temperature: 0.5, top_p: 0.9 },
  },
  smallTalk: {
    system: "You are a friendly chat partner.",
    starters: [
      "Do you like movies?",
      "What kind of music do you listen to?",
      "Did you watch the game last night?",
    ],
    sampling: { temperature: 0.8, top_p: 0.95 },
  },
};

/** The scenario that a conversation's system text belongs to; null for a text of the user's own. */
export function scenarioOf(system: string): ScenarioId | null {
  return SCENARIO_IDS.find((id) => SCENARIOS[id].system === system) ?? null;
}

/** What a conversation with this system text draws with, where the user chose nothing. */
export function samplingOf(system: string): Scenario["sampling"] {
  const id = scenarioOf(system);
  return id === null ? {} : SCENARIOS[id].sampling;
}

/** What a chat with this system text is asked with: the user's choices, then the scenario's. */
export function chatParams(system: string, chosen: Overrides): SamplingParams {
  return requestParams({ ...samplingOf(system), ...chosen });
}
