// The menu in the header that opens the tools: a native disclosure that closes when something is chosen, on Esc, and when the
// focus or the pointer goes elsewhere.

import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { usePage } from "../state/page";
import { TOOLS, type Tool } from "../state/tools";

export function ToolMenu() {
  const { tools } = usePage();
  const menu = useRef<HTMLDetailsElement>(null);
  const summary = useRef<HTMLElement>(null);
  const close = () => {
    if (menu.current !== null) menu.current.open = false;
  };
  useEffect(() => {
    const onPointerDown = (event: PointerEvent) => {
      if (event.target instanceof Node && menu.current?.contains(event.target) === false) close();
    };
    document.addEventListener("pointerdown", onPointerDown);
    return () => document.removeEventListener("pointerdown", onPointerDown);
  }, []);
  const choose = (tool: Tool) => {
    close();
    summary.current?.focus(); // where the focus comes back to when the tool is closed
    tools.open.value = tool;
  };
  const text = t.value.tools;
  return (
    <details
      ref={menu}
      class="menu"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || menu.current?.open !== true) return;
        event.preventDefault();
        close();
        summary.current?.focus();
      }}
      onFocusOut={(event) => {
        if (event.relatedTarget instanceof Node && menu.current?.contains(event.relatedTarget) === false)
          close();
      }}
    >
      <summary ref={summary} class="quiet">
        {text.menu}
      </summary>
      <ul class="menu-list">
        {TOOLS.map((tool) => (
          <li key={tool}>
            <button type="button" class="menu-item" onClick={() => choose(tool)}>
              {text[tool]}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
