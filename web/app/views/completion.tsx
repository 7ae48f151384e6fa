// Completion: a document that the model continues.

import { useEffect, useRef } from "preact/hooks";
import { OptionForm } from "../components/option_form";
import { OutcomeLine } from "../components/outcome";
import { Sheet } from "../components/sheet";
import { t } from "../i18n";
import { toolText } from "../i18n/tools";
import { COMPLETION_PRESET, type CompletionState } from "../state/completion";
import { LONGEST_DOCUMENT } from "../state/document_store";
import { usePage } from "../state/page";

interface CompletionSheetProps {
  completion: CompletionState;
  open: boolean;
  onClose: () => void;
}

export function CompletionSheet({ completion, open, onClose }: CompletionSheetProps) {
  return (
    <Sheet
      open={open}
      class="sheet-large tool tool-page"
      title={t.value.tools.completion}
      onClose={() => {
        completion.flush();
        onClose();
      }}
    >
      <Body completion={completion} />
    </Sheet>
  );
}

function Body({ completion }: { completion: CompletionState }) {
  const { model, tools } = usePage();
  const field = useRef<HTMLTextAreaElement>(null);
  const text = toolText.value.completion;
  const document_ = completion.text.value;
  const busy = completion.busy.value;
  const outcome = completion.outcome.value;
  const ready = model.phase.value.phase === "ready";
  const full = document_.length > LONGEST_DOCUMENT;
  const canContinue = ready && !busy && document_ !== "" && !full;
  // What is being written stays in sight.
  useEffect(() => {
    if (busy && field.current !== null) field.current.scrollTop = field.current.scrollHeight;
  }, [document_, busy]);
  const go = () => {
    if (canContinue) void completion.continue();
  };
  const share = () => {
    if (outcome.state !== "done") return;
    const { model: id, options, text: written } = outcome.result;
    const context = model.info.peek()?.context ?? 0;
    const asked = { kind: "completion", prompt: completion.read.peek() } as const;
    tools.share({ model: id, asked, options, context, text: written });
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys that work wherever the focus is in this view
    <div
      class="completion"
      onKeyDown={(event) => {
        if (event.key === "Escape" && busy) {
          event.preventDefault();
          completion.stop();
        } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
          event.preventDefault();
          go();
        }
      }}
    >
      <p class="hint">{text.lead}</p>
      <textarea
        ref={field}
        class="field field-words document"
        name="document"
        dir="auto"
        aria-label={text.label}
        placeholder={text.placeholder}
        readOnly={busy}
        value={document_}
        onInput={(event) => {
          completion.text.value = event.currentTarget.value;
        }}
      />
      <div class="tool-outcome" role="status">
        {completion.cut.value && outcome.state !== "none" && <p class="hint">{text.cut}</p>}
        {full && <p class="lost">{text.tooLong}</p>}
        <OutcomeLine outcome={outcome} />
      </div>
      <div class="tool-actions">
        <button
          type="button"
          class="primary"
          data-busy={busy ? "" : undefined}
          aria-disabled={!busy && !canContinue}
          onClick={() => {
            if (busy) completion.stop();
            else go();
          }}
        >
          {busy ? toolText.value.stop : text.continue}
        </button>
        <Action label={text.undo} may={completion.canUndo.value} act={() => completion.undo()} />
        <Action label={text.redo} may={completion.canRedo.value} act={() => completion.redo()} />
        <Action label={text.clear} may={!busy && document_ !== ""} act={() => completion.clear()} />
        <button
          type="button"
          class="button"
          lang="en"
          title={text.classicHint}
          aria-disabled={busy || !ready}
          onClick={() => {
            if (ready && !busy) void completion.classic();
          }}
        >
          {text.classic}
        </button>
        <Action label={text.share} may={outcome.state === "done"} act={share} />
      </div>
      <OptionForm
        overrides={completion.overrides.value}
        preset={COMPLETION_PRESET}
        onChange={(overrides) => {
          completion.overrides.value = overrides;
        }}
      />
    </div>
  );
}

function Action({ label, may, act }: { label: string; may: boolean; act: () => void }) {
  return (
    <button
      type="button"
      class="button"
      aria-disabled={!may}
      onClick={() => {
        if (may) act();
      }}
    >
      {label}
    </button>
  );
}
