import { expect, test } from "vitest";
import { readOverrides } from "../../../../web/app/state/options";
import { SCENARIO_IDS, SCENARIOS, scenarioOf } from "../../../../web/app/state/scenarios";
import { ask, openReady } from "../support/open_chats";

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

test("a conversation draws as its scenario does, another one as its own, and what the user chose goes first", async () => {
  const page = await openReady();
  const sent = () => {
    const { temperature, top_p } = page.engine.requests.at(-1) ?? {};
    return { temperature, top_p };
  };
  page.conversation.setSystem(SCENARIOS.service.system);
  await ask(page, "My order?");
  expect(sent()).toEqual(SCENARIOS.service.sampling);
  expect(page.preferences.value.value.options).toEqual({}); // nothing that would stay behind

  await page.chats.startNew();
  page.conversation.setSystem(SCENARIOS.any.system);
  await ask(page, "Hello");
  expect(sent()).toEqual({ temperature: undefined, top_p: undefined }); // the model's preset

  page.preferences.setOverrides("parley-17m", { temperature: 1.5 });
  await page.chats.startNew();
  page.conversation.setSystem(SCENARIOS.smallTalk.system);
  await ask(page, "Hello");
  expect(sent()).toEqual({ ...SCENARIOS.smallTalk.sampling, temperature: 1.5 });
});
