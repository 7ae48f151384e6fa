// Where the next message is written: grows to eight lines, sends on Enter but never in the middle of an input method's
// composition, and carries the context meter. Stop takes Send's place while a reply is on its way.

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { focusMessage, MESSAGE_FIELD, SEND_BUTTON } from "../components/focus";
import { useGrowth } from "../components/growth";
import { isSendKey } from "../components/keys";
import { formatNumber, t } from "../i18n";
import type { ContextUse, ConversationState } from "../state/conversation";
import { hasPinned } from "../state/messages";

const LONGEST_DRAFT = 50_000; // characters: over 20 for each token of the largest context

export function Composer({ conversation }: { conversation: ConversationState }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const busy = conversation.busy.value;
  const draft = conversation.draft.value;

  useLayoutEffect(() => {
    const elsewhere = document.activeElement?.closest(".chats") != null;
    if (!elsewhere && !matchMedia("(pointer: coarse)").matches) field.current?.focus({ preventScroll: true });
  }, []);
  useGrowth(field, draft);

  const left = useSignal(0); // characters of a text that was not taken
  const takes = (text: string, event: Event) => {
    left.value = text.length > LONGEST_DRAFT ? text.length : 0;
    if (left.value > 0) event.preventDefault();
  };
  const send = () => {
    if (!busy) conversation.send(draft);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowUp" && draft === "" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      conversation.startEdit();
    }
    if (!isSendKey(event)) return;
    event.preventDefault();
    send();
  };
  const text = t.value.composer;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <ContextMeter
        use={conversation.context.value}
        drops={draft !== "" && conversation.dropped.value.size > 0}
        pinned={hasPinned(conversation.path.value)}
      />
      <p class="left-out" role="status">
        {left.value > 0 && text.leftOut(formatNumber(left.value))}
      </p>
      <div class="composer-field">
        <textarea
          ref={field}
          id={MESSAGE_FIELD}
          name="message"
          rows={1}
          dir="auto"
          autocomplete="off"
          enterkeyhint="send"
          aria-label={text.label}
          aria-describedby="message-keys"
          placeholder={text.placeholder}
          value={draft}
          maxlength={LONGEST_DRAFT}
          onPaste={(event) => takes(event.clipboardData?.getData("text/plain") ?? "", event)}
          onDrop={(event) => takes(event.dataTransfer?.getData("text/plain") ?? "", event)}
          onInput={(event) => {
            conversation.draft.value = event.currentTarget.value;
          }}
          onKeyDown={onKeyDown}
        />
        <button
          type="button"
          id={SEND_BUTTON}
          class="primary"
          data-busy={busy ? "" : undefined}
          aria-disabled={!busy && draft.trim() === ""}
          onClick={(event) => {
            if (event.detail > 1) return; // the second half of a double click must not stop what the first sent
            if (busy) conversation.stop();
            else send();
            focusMessage();
          }}
        >
          {busy ? text.stop : text.send}
        </button>
      </div>
      <p id="message-keys" class="visually-hidden">
        {text.keys}
      </p>
    </form>
  );
}

const QUIET_BELOW = 0.7; // of the context

interface ContextMeterProps {
  use: ContextUse | null;
  drops: boolean;
  pinned: boolean;
}

function ContextMeter({ use, drops, pinned }: ContextMeterProps) {
  if (use === null || use.used === 0) return <div class="meter" data-unused="" />;
  const quiet = use.used < use.total * QUIET_BELOW && !drops;
  const text = t.value.context;
  return (
    <div class="meter" data-quiet={quiet ? "" : undefined}>
      <progress
        class="meter-bar"
        max={use.total}
        value={Math.min(use.used, use.total)}
        aria-label={text.label}
      />
      <p class="meter-text">
        {use.over === true ? (
          <span class="lost">
            {text.over} {pinned && text.unpin}
          </span>
        ) : (
          drops && <span>{text.drops}</span>
        )}
        {use.known !== false && (
          <span class="figures">{text.figure(formatNumber(use.used), formatNumber(use.total))}</span>
        )}
      </p>
    </div>
  );
}
