// A turn while its words are being edited, in their own place. Enter takes them, Esc leaves everything as it was.

import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { isReply, type Message } from "../state/messages";
import { focusMessage } from "./focus";
import { useGrowth } from "./growth";
import { isSendKey } from "./keys";

interface EditTurnProps {
  conversation: ConversationState;
  message: Message;
}

export function EditTurn({ conversation, message }: EditTurnProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const words = conversation.editing.value?.text ?? "";
  useGrowth(field, words);
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(words.length, words.length);
  }, []);
  const text = t.value.edit;
  const cancel = () => {
    conversation.editing.value = null;
    focusMessage();
  };
  const take = () => {
    conversation.finishEdit();
    focusMessage();
  };
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <textarea
        ref={field}
        name="edit"
        class="edit-words"
        rows={1}
        dir="auto"
        autocomplete="off"
        aria-label={isReply(message) ? text.reply : text.message}
        value={words}
        onInput={(event) => {
          conversation.editing.value = { message: message.id, text: event.currentTarget.value };
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape" && !event.isComposing) {
            event.preventDefault();
            cancel();
          } else if (isSendKey(event)) {
            event.preventDefault();
            take();
          }
        }}
      />
      <p class="edit-actions">
        <button type="submit" class="quiet edit-take" aria-disabled={words.trim() === ""}>
          {isReply(message) ? text.keep : t.value.composer.send}
        </button>
        <button type="button" class="quiet" onClick={cancel}>
          {t.value.cancel}
        </button>
        <span class="hint">{isReply(message) ? text.keepHint : text.sendHint}</span>
      </p>
    </form>
  );
}
