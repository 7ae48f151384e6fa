// Two tabs with exclusive engines: one waits for the other, or takes over.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createEngine } from "../../../web/engine/index";
import type { EngineState } from "../../../web/engine/types";
import { useEngine } from "../support/engine_page";
import { FakeWorker } from "../support/fake_worker";

vi.mock("../../../web/engine/worker_url", () => ({
  defaultBaseUrl: () => "https://host.example/chat/",
  workerScript: (baseUrl: string) => `${baseUrl}worker.js`,
}));

const { locks } = navigator;
useEngine();

describe("two tabs with exclusive engines (D13, D14)", () => {
  beforeEach(() => void vi.stubGlobal("navigator", { locks }));

  const open = () => {
    const states: EngineState["state"][] = [];
    const one = createEngine({
      baseUrl: "/two/",
      exclusive: true,
      onState: ({ state }) => {
        if (states.at(-1) !== state) states.push(state);
      },
    });
    return { one, states };
  };
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  /** Two tabs, of which the second has just taken over from the first. */
  const takenOver = async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    second.one.takeOver();
    await loading;
    await until(() => first.states.includes("elsewhere"));
    return { first, second };
  };

  test("the second waits, says so, and starts when the first is done", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    expect(second.states).toEqual(["loading", "elsewhere"]);
    await first.one.dispose();
    expect((await loading).id).toBe("tiny");
    expect(second.states).toEqual(["loading", "elsewhere", "loading", "ready"]);
    await second.one.dispose();
  });

  test("the second takes over; the first gives its model up and has it back when the second is done", async () => {
    const { first, second } = await takenOver();
    await second.one.unload();
    await until(() => first.one.state.state === "ready");
    expect(first.states).toEqual(["loading", "ready", "elsewhere", "restarting", "ready"]);
    await first.one.dispose();
    await second.one.dispose();
  });

  test("another model can be asked for while the other tab runs: it alone is loaded when that one is done", async () => {
    const { first, second } = await takenOver();
    const other = first.one.load("other");
    await new Promise((resolve) => setTimeout(resolve, 10));
    await second.one.dispose();
    expect((await other).id).toBe("other");
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(first.one.state).toMatchObject({ state: "ready", info: { id: "other" } });
    expect(first.states.filter((state) => state === "restarting")).toEqual([]);
    await first.one.dispose();
  });

  test("a model that was given up does not come back after unload() or dispose(), nor does its tab keep others out", async () => {
    for (const end of ["unload", "dispose"] as const) {
      const { first, second } = await takenOver();
      await first.one[end]();
      await second.one.dispose();
      const third = open();
      expect((await third.one.load("tiny")).id).toBe("tiny");
      expect(first.states.at(-1)).toBe("idle");
      await third.one.dispose();
      await first.one.dispose();
    }
  });

  test("dispose() ends the waiting of a first load", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    await second.one.dispose();
    await expect(loading).rejects.toMatchObject({ code: "DISPOSED" });
    await first.one.dispose();
    const third = open();
    expect((await third.one.load("tiny")).id).toBe("tiny");
    await third.one.dispose();
  });

  test("a takeover while another model is looked at ends that, and the model before comes back later", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    FakeWorker.silent = "prepare";
    const switching = expect(first.one.load("two")).rejects.toMatchObject({ code: "NOT_LOADED" });
    await until(() => first.states.at(-1) === "loading");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    second.one.takeOver();
    await loading;
    await switching;
    expect(first.one.state.state).toBe("elsewhere");
    expect(first.states).not.toContain("restarting");
    await second.one.dispose();
    await until(() => first.one.state.state === "ready");
    expect(first.one.state).toMatchObject({ info: { id: "tiny" } });
    await first.one.dispose();
  });

  test("waiting can be cancelled", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const controller = new AbortController();
    const loading = second.one.load("tiny", { signal: controller.signal });
    await until(() => second.states.includes("elsewhere"));
    controller.abort();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(second.one.state.state).toBe("idle");
    await first.one.dispose();
    await second.one.dispose();
  });
});
