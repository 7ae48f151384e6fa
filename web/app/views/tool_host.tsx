// Where the tools appear once one is opened: fetches them the first time, and says so when that fails.

import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";
import { Sheet } from "../components/sheet";
import { t } from "../i18n";
import { usePage } from "../state/page";

export function ToolHost() {
  const { tools } = usePage();
  const loaded = useSignal<{ Tools: ComponentType } | null>(null);
  const failed = useSignal(false);
  useSignalEffect(() => {
    if (tools.open.value === null || loaded.peek() !== null) return;
    failed.value = false;
    import("./tools").then(
      (module) => {
        loaded.value = module;
      },
      () => {
        failed.value = true;
      },
    );
  });
  if (loaded.value !== null) return <loaded.value.Tools />;
  const { cause, next } = t.value.failures.BUILD_MISMATCH;
  return (
    <Sheet
      open={failed.value && tools.open.value !== null}
      class="panel"
      title={t.value.tools.menu}
      onClose={() => tools.close()}
    >
      <p class="panel-body">
        <span class="lost">{cause}</span> {next}
      </p>
    </Sheet>
  );
}
