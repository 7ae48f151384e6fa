// A button whose deed cannot be undone: pressed, it asks first, with the focus on the way back.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";

interface AskFirstProps {
  class: string; // of the first button
  label: string;
  question?: string; // when `yes` does not say it all
  yes: string;
  describedBy?: string;
  onYes: () => void;
}

export function AskFirst({ class: look, label, question, yes, describedBy, onYes }: AskFirstProps) {
  const state = useSignal<"quiet" | "asking" | "kept">("quiet");
  if (state.value !== "asking") {
    return (
      <button
        type="button"
        class={look}
        aria-describedby={describedBy}
        ref={(button) => {
          if (state.peek() === "kept") button?.focus();
        }}
        onClick={() => {
          state.value = "asking";
        }}
      >
        {label}
      </button>
    );
  }
  return (
    <>
      {question !== undefined && <span>{question}</span>}
      <button
        type="button"
        class="button lost"
        onClick={() => {
          state.value = "quiet";
          onYes();
        }}
      >
        {yes}
      </button>
      <button
        type="button"
        class="button"
        ref={(button) => button?.focus()}
        onClick={() => {
          state.value = "kept";
        }}
      >
        {t.value.model.removeNo}
      </button>
    </>
  );
}
