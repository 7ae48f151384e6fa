// The door to the inspector: fetches its panel when it is opened for the first time, and gives the focus back when it is
// closed. The panel itself is in inspector/.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Sheet } from "../components/sheet";
import { failureText, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { usePage } from "../state/page";

type Panel = ComponentType<{ conversation: ConversationState; onClose: () => void }>;

/** Fetched once for the whole visit. */
async function fetchPanel(into: Signal<Panel | "failed" | null>): Promise<void> {
  try {
    const { InspectorPanel } = await import("./inspector/panel");
    // A signal takes a function for a value to be stored, as it is.
    into.value = InspectorPanel;
  } catch (error) {
    console.error("The inspector could not be fetched:", error);
    into.value = "failed";
  }
}

export function Inspector({ conversation }: { conversation: ConversationState }) {
  const { target } = usePage().inspector;
  const panel = useSignal<Panel | "failed" | null>(null);
  const open = target.value !== null;
  useEffect(() => {
    if (open && typeof panel.peek() !== "function") void fetchPanel(panel);
  }, [open, panel]);
  // What is looked at belongs to this conversation.
  useEffect(
    () => () => {
      target.value = null;
    },
    [target],
  );
  if (!open || panel.value === null) return null;
  const close = () => {
    const was = target.peek();
    target.value = null;
    if (was?.kind === "reply") inspectButton(was.id)?.focus();
  };
  if (panel.value === "failed") {
    const { cause, next } = failureText("NETWORK");
    return (
      <Sheet open class="panel" title={t.value.reply.inspect} onClose={close}>
        <p class="panel-body">
          {cause} {next}
        </p>
      </Sheet>
    );
  }
  const Shown = panel.value;
  return <Shown conversation={conversation} onClose={close} />;
}

function inspectButton(reply: string): HTMLElement | null {
  return document.querySelector(`[data-inspects="${CSS.escape(reply)}"]`);
}
