// What the page says of stored models.
import { expect, test } from "vitest";
import { canResume, type StoredModel } from "../../../../web/app/state/model";

test("a model that has not arrived as a whole can be resumed, the user's own file cannot", () => {
  const model: StoredModel = {
    ...{ id: "hf:me/it", name: "it", bytes: 100, total_bytes: 180, complete: false },
    ...{ revision: "", license: "", memory_bytes: 0, file_name: "it.gguf" },
  };
  expect(canResume(model)).toBe(true);
  expect(canResume({ ...model, bytes: 0 })).toBe(false);
  expect(canResume({ ...model, complete: true })).toBe(false);
  expect(canResume({ ...model, id: "file:it" })).toBe(false);
});
