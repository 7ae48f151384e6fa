// Saving a stored model's GGUF file to disk: the button, and how it went.

import { failureText, t } from "../i18n";
import type { StoredModel } from "../state/model";
import { usePage } from "../state/page";

interface SaveModelProps {
  stored: StoredModel;
  class: string;
  describedBy?: string;
}

export function SaveModel({ stored, class: look, describedBy }: SaveModelProps) {
  const { model } = usePage();
  const running = model.saving.value?.state === "running";
  return (
    <button
      type="button"
      class={look}
      aria-describedby={describedBy}
      aria-disabled={running}
      onClick={() => {
        if (!running) void model.save(stored.id);
      }}
    >
      {t.value.model.save}
    </button>
  );
}

export function SavingNote({ id }: { id: string }) {
  const saving = usePage().model.saving.value;
  const text = t.value.model;
  if (saving?.id !== id) return null;
  if (saving.state === "running" || saving.state === "saved") {
    return <p role="status">{saving.state === "saved" ? text.saved : text.saving}</p>;
  }
  const { cause, next } = failureText(saving.state.code);
  return (
    <p role="status">
      <span class="lost">{cause}</span> {next}
    </p>
  );
}
