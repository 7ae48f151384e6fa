import { expect, test } from "vitest";
import type { ConversationState } from "../../../../web/app/state/conversation";
import { type Overrides, readOverrides } from "../../../../web/app/state/options";
import type { PreferencesState } from "../../../../web/app/state/preferences";
import { chooseScenario, SCENARIO_IDS, SCENARIOS, scenarioOf } from "../../../../web/app/state/scenarios";

test("a scenario is known by its system text, a text of the user's own belongs to none", () => {
  for (const id of SCENARIO_IDS) expect(scenarioOf(SCENARIOS[id].system)).toBe(id);
  expect(scenarioOf("You are a pirate.")).toBeNull();
});

test("each has three ways to begin, and sampling that the settings would take", () => {
  for (const id of SCENARIO_IDS) {
    expect(new Set(SCENARIOS[id].starters).size).toBe(3);
    expect(readOverrides(SCENARIOS[id].sampling)).toEqual(SCENARIOS[id].sampling);
  }
});

test("choosing one sets system text and sampling and keeps every other option; the first takes it back", () => {
  let system = "";
  let overrides: Overrides = { temperature: 1.5, seed: 7 };
  const conversation = { setSystem: (text: string) => (system = text) } as unknown as ConversationState;
  const preferences = {
    overrides: () => overrides,
    setOverrides: (_: string, next: Overrides) => {
      overrides = next;
    },
  } as unknown as PreferencesState;
  chooseScenario("service", conversation, preferences, "parley-17m");
  expect(system).toBe(SCENARIOS.service.system);
  expect(overrides).toEqual({ ...SCENARIOS.service.sampling, seed: 7 });
  chooseScenario("any", conversation, preferences, "parley-17m");
  expect(system).toBe("");
  expect(overrides).toEqual({ seed: 7 });
});
