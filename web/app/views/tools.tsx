// The tools, each in its sheet. This file and what only it needs come when the first tool is opened.

import { usePage } from "../state/page";
import { toolboxOf } from "../state/toolbox";
import type { Tool } from "../state/tools";
import { CompareSheet } from "./compare";
import { CompletionSheet } from "./completion";
import { DiagnosticsSheet } from "./diagnostics";
import { HelpSheet } from "./help";
import { RunSheet } from "./run";
import "../styles/tools.css";

export function Tools() {
  const { tools } = usePage();
  const box = toolboxOf(tools);
  const sheet = (tool: Tool) => ({ open: tools.open.value === tool, onClose: () => tools.close() });
  return (
    <>
      <CompletionSheet completion={box.completion} {...sheet("completion")} />
      <CompareSheet compare={box.compare} {...sheet("compare")} />
      <RunSheet runs={box.runs} {...sheet("run")} />
      <DiagnosticsSheet diagnostics={box.diagnostics} {...sheet("diagnostics")} />
      <HelpSheet {...sheet("help")} />
    </>
  );
}
