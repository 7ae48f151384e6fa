// Diagnostics: the self-test, and a report to copy.

import { useEffect, useId } from "preact/hooks";
import { CopyButton } from "../components/copy_button";
import { Sheet } from "../components/sheet";
import { failureText, formatNumber, t } from "../i18n";
import { toolText } from "../i18n/tools";
import type { Diagnostics, SelfTest } from "../state/diagnostics";
import { usePage } from "../state/page";

interface DiagnosticsSheetProps {
  diagnostics: Diagnostics;
  open: boolean;
  onClose: () => void;
}

export function DiagnosticsSheet({ diagnostics, open, onClose }: DiagnosticsSheetProps) {
  useEffect(() => {
    if (open) void diagnostics.refresh();
  }, [open, diagnostics]);
  return (
    <Sheet open={open} class="sheet-large tool" title={t.value.tools.diagnostics} onClose={onClose}>
      <Body diagnostics={diagnostics} />
    </Sheet>
  );
}

function Body({ diagnostics }: { diagnostics: Diagnostics }) {
  const { model } = usePage();
  const text = toolText.value.diagnostics;
  const report = diagnostics.report.value;
  const test = diagnostics.test.value;
  const ready = model.phase.value.phase === "ready" && test.state !== "running";
  const heading = useId();
  return (
    <>
      <section class="group" aria-labelledby={`${heading}-test`}>
        <h3 class="heading" id={`${heading}-test`}>
          {text.test}
        </h3>
        <p class="hint">{text.testLead}</p>
        <p class="tool-actions">
          <button
            type="button"
            class="button"
            aria-disabled={!ready}
            onClick={() => {
              if (ready) void diagnostics.runTest();
            }}
          >
            {text.run}
          </button>
        </p>
        <p class="tool-outcome" role="status">
          <Outcome test={test} />
        </p>
      </section>
      <div class="group">
        <h3 class="heading" id={`${heading}-report`}>
          {text.report}
        </h3>
        <p class="hint">{text.lead}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
        <section class="report" lang="en" dir="ltr" tabIndex={0} aria-labelledby={`${heading}-report`}>
          {report}
        </section>
        <p class="tool-actions">
          <CopyButton text={report} label={text.copyReport} class="button" />
        </p>
      </div>
    </>
  );
}

function Outcome({ test }: { test: SelfTest }) {
  const text = toolText.value.diagnostics;
  switch (test.state) {
    case "none":
      return null;
    case "running":
      return <>{text.running}</>;
    case "passed":
      return <>{text.passed(formatNumber(test.tokens), formatNumber(test.perSecond))}</>;
    case "differs":
      return (
        <>
          <span class="lost">{text.differs}</span> <bdi class="figures">{test.where}</bdi>
        </>
      );
    case "unavailable":
      return <>{text.unavailable}</>;
    case "failed": {
      const { cause, next } = failureText(test.failure.code);
      return (
        <>
          <span class="lost">{cause}</span> {next}
        </>
      );
    }
  }
}
