// Which tool is open, and what the address has to say about it.

import { expect, test } from "vitest";
import { createTools, type Fragment, type ToolParts } from "../../../../web/app/state/tools";

function fakeFragment(first: string) {
  let text = first;
  let heard = () => {};
  const fragment: Fragment = {
    read: () => text,
    clear: () => {
      text = "";
    },
    onChange: (listener) => {
      heard = listener;
    },
  };
  const go = (next: string) => {
    text = next;
    heard();
  };
  return { fragment, go, text: () => text };
}

const parts = {} as ToolParts;

test("an address opens the tool that it names, closing takes the name away", () => {
  const { fragment, text } = fakeFragment("completion");
  const tools = createTools(parts, fragment);
  expect(tools.open.value).toBe("completion");
  tools.close();
  expect(tools.open.value).toBeNull();
  expect(text()).toBe("");
});

test("a link with a run opens the shared run, also when the page is there already", () => {
  const { fragment, go } = fakeFragment("");
  const tools = createTools(parts, fragment);
  expect(tools.open.value).toBeNull();
  go("run=abc");
  expect(tools.open.value).toBe("run");
  expect(tools.fragment.value).toBe("run=abc");
});

test("a name that is no tool opens nothing", () => {
  for (const name of ["message", "runs", "constructor", "completion=1"]) {
    expect(createTools(parts, fakeFragment(name).fragment).open.value, name).toBeNull();
  }
});
