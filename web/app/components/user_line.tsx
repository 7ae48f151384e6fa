// The muted line under what the user said: its versions, and editing and pinning it.

import { t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import type { UserMessage } from "../state/messages";
import { Versions } from "./versions";

interface UserLineProps {
  conversation: ConversationState;
  message: UserMessage;
  version: number;
  versions: number;
}

export function UserLine({ conversation, message, version, versions }: UserLineProps) {
  const text = t.value.turn;
  const pinned = message.pinned === true;
  return (
    <div class="turn-line user-line" data-kept={pinned ? "" : undefined}>
      {pinned && <span class="figures">{text.pinned}</span>}
      <Versions conversation={conversation} message={message} version={version} versions={versions} />
      <span class="actions">
        <button type="button" class="quiet changes" onClick={() => conversation.startEdit(message.id)}>
          {text.edit}
        </button>
        <button
          type="button"
          class="quiet"
          title={pinned ? text.unpinHint : text.pinHint}
          onClick={() => conversation.pin(message.id, !pinned)}
        >
          {pinned ? text.unpin : text.pin}
        </button>
      </span>
    </div>
  );
}
