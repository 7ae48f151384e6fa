// A button that puts a text on the clipboard and says how that went.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { copyText } from "./copy";

const SAID_MS = 1500;

interface CopyButtonProps {
  text: string;
  label?: string;
  class?: string;
}

export function CopyButton({ text, label = t.value.reply.copy, class: name = "quiet" }: CopyButtonProps) {
  const outcome = useSignal<"none" | "copied" | "refused">("none");
  const copy = async () => {
    outcome.value = (await copyText(text)) ? "copied" : "refused";
    setTimeout(() => {
      outcome.value = "none";
    }, SAID_MS);
  };
  const labels = { none: label, copied: t.value.reply.copied, refused: t.value.reply.copyFailed };
  return (
    <button type="button" class={name} onClick={copy}>
      <span aria-live="polite">{labels[outcome.value]}</span>
    </button>
  );
}
