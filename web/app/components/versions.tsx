// `2 of 3` with arrows: which version of a message is on show, and the way to the others.

import { formatNumber, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import type { Message } from "../state/messages";

interface VersionsProps {
  conversation: ConversationState;
  message: Message;
  version: number; // of `versions`, from 1
  versions: number;
}

export function Versions({ conversation, message, version, versions }: VersionsProps) {
  if (versions < 2) return null;
  const step = (by: number) => {
    const next = conversation.versions(message)[version - 1 + by];
    if (next !== undefined) conversation.showVersion(next.id);
  };
  const text = t.value.reply;
  return (
    <span class="versions changes">
      <button
        type="button"
        class="quiet"
        aria-label={text.previous}
        aria-disabled={version <= 1}
        onClick={() => step(-1)}
      >
        ←
      </button>
      <span class="figures">{text.version(formatNumber(version), formatNumber(versions))}</span>
      <button
        type="button"
        class="quiet"
        aria-label={text.next}
        aria-disabled={version >= versions}
        onClick={() => step(1)}
      >
        →
      </button>
    </span>
  );
}
