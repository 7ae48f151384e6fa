// Turns under random aborts: order is kept, nobody is forgotten, never two at once.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Turns } from "../../../web/engine/turns";

test("turns come in order, one at a time, whoever gives up", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (aborts) => {
      const turns = new Turns();
      const order: number[] = [];
      let inside = 0;
      const calls = aborts.map(async (aborts_, index) => {
        const controller = new AbortController();
        const entering = turns.enter(controller.signal);
        if (aborts_ && index > 0) controller.abort();
        const end = await entering;
        inside += 1;
        expect(inside).toBe(1);
        order.push(index);
        await Promise.resolve();
        inside -= 1;
        end();
      });
      const results = await Promise.allSettled(calls);
      const expected = aborts.flatMap((aborts_, index) => (aborts_ && index > 0 ? [] : [index]));
      expect(order).toEqual(expected);
      results.forEach((result, index) => {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ name: "AbortError" });
        else expect(expected).toContain(index);
      });
    }),
  );
});
