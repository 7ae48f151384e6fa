// The stamp that ties a wasm file to the page's build.
import { expect, test } from "vitest";
import { stampWasm } from "../../web/build_plugins";

test("R8: a stamped module is valid and names its set", () => {
  const empty = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0]);
  const module = new WebAssembly.Module(Uint8Array.from(stampWasm(empty, "0123456789abcdef")));
  const [section] = WebAssembly.Module.customSections(module, "parley.build");
  expect(new TextDecoder().decode(section)).toBe("0123456789abcdef");
});
