// What a download says of itself: bytes, rate and time left of all its files together, by a clock of the test's.
import { describe, expect, test } from "vitest";
import { ProgressMeter } from "../../../../web/engine/models/progress";
import type { LoadProgress } from "../../../../web/engine/types";

const MB = 1_000_000;

/** A meter that starts at second 0, and what it last said. */
function meterOf(total: number, stored: number, unknown: string[] = []) {
  const clock = { seconds: 0 };
  const said: LoadProgress[] = [];
  const meter = new ProgressMeter(
    total,
    stored,
    () => clock.seconds * 1000,
    (progress) => said.push(progress),
    unknown,
  );
  return { clock, meter, last: () => said.at(-1), said };
}

describe("a download's progress", () => {
  test("has no rate at its start, and counts what is there already", () => {
    const { last } = meterOf(10 * MB, 2 * MB);
    expect(last()).toEqual({ phase: "download", loaded: 2 * MB, total: 10 * MB });
  });

  test("has the rate of what came since, and the time that the rest takes at it", () => {
    const { clock, meter, last } = meterOf(10 * MB, 2 * MB);
    clock.seconds = 1;
    meter.add(MB);
    expect(last()).toMatchObject({ loaded: 3 * MB, bytes_per_second: MB, seconds_left: 7 });
  });

  test("forgets how fast it was three seconds ago", () => {
    const { clock, meter, last } = meterOf(100 * MB, 0);
    for (let second = 1; second <= 4; second++) {
      clock.seconds = second;
      meter.add(10 * MB);
    }
    for (let second = 5; second <= 8; second++) {
      clock.seconds = second;
      meter.add(MB);
    }
    expect(last()).toMatchObject({ loaded: 44 * MB, bytes_per_second: MB, seconds_left: 56 });
  });

  test("is said at most ten times a second, the end at once", () => {
    const { clock, meter, said, last } = meterOf(2 * MB, 0);
    for (let step = 1; step <= 1000; step++) {
      clock.seconds = step / 1000;
      meter.add(1000);
    }
    expect(said.length).toBeLessThanOrEqual(11);
    meter.add(MB);
    expect(last()).toMatchObject({ loaded: 2 * MB, total: 2 * MB, seconds_left: 0 });
  });

  test("says why it waits in place of a rate, until bytes come", () => {
    const { clock, meter, last } = meterOf(10 * MB, 0);
    clock.seconds = 1;
    meter.add(MB);
    meter.wait("offline");
    expect(last()).toEqual({ phase: "download", loaded: MB, total: 10 * MB, waiting: "offline" });
    clock.seconds = 2;
    meter.add(MB);
    expect(last()?.waiting).toBeUndefined();
    expect(last()?.bytes_per_second).toBe(MB);
  });

  test("D8: is never over 100%, nor backwards at a negative rate when a part is fetched again", () => {
    const { clock, meter, last } = meterOf(10 * MB, 0);
    clock.seconds = 1;
    meter.add(11 * MB);
    expect(last()).toMatchObject({ loaded: 10 * MB, total: 10 * MB });
    clock.seconds = 2;
    meter.add(-11 * MB);
    expect(last()).toEqual({ phase: "download", loaded: 0, total: 10 * MB });
  });

  test("takes in a file's size when its host tells it, once", () => {
    const { meter, last } = meterOf(4 * MB, 0, ["https://host.example/a"]);
    meter.expectFile("https://host.example/a", 3 * MB);
    meter.expectFile("https://host.example/a", 2 * MB);
    meter.expectFile("https://host.example/b", 9 * MB);
    meter.flush();
    expect(last()?.total).toBe(6 * MB);
  });
});
