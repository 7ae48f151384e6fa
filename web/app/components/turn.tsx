// One turn of the conversation, set as in a play: the speaker in the margin, the words in the column, and under them one
// muted line with what can be done with them.

import { computed, type ReadonlySignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";
import { t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { isReply, type Message, type ReplyMessage } from "../state/messages";
import { EditTurn } from "./edit_turn";
import { GrowingText } from "./growing_text";
import { ReplyLine } from "./reply_line";
import { UserLine } from "./user_line";

interface TurnProps {
  conversation: ConversationState;
  message: Message;
  version: number;
  versions: number;
  last: boolean;
  dropped: boolean;
  rule: boolean; // the last of a run of dropped turns
  editing: boolean;
}

function TurnView(props: TurnProps) {
  const { message, last, dropped, rule, editing, conversation } = props;
  return (
    <>
      <article
        class="turn"
        id={turnId(message.id)}
        tabIndex={-1}
        data-role={message.role}
        data-dropped={dropped ? "" : undefined}
        data-last={last ? "" : undefined}
      >
        <h2 class="speaker">{isReply(message) ? t.value.parley : t.value.you}</h2>
        <div class="column">
          {editing ? <EditTurn conversation={conversation} message={message} /> : <Said {...props} />}
        </div>
      </article>
      {rule && (
        <p class="rule">
          <span>{t.value.context.dropped}</span>
        </p>
      )}
    </>
  );
}

/** Drawn again only when something of its own changed: a conversation may have thousands. */
export const Turn = memo(TurnView);

/** Where a turn is on the page. */
export function turnId(message: string): string {
  return `turn-${message}`;
}

function Said({ conversation, message, version, versions, last }: TurnProps) {
  if (!isReply(message)) {
    return (
      <>
        <GrowingText text={message.content} />
        <UserLine conversation={conversation} message={message} version={version} versions={versions} />
      </>
    );
  }
  return (
    <>
      <ReplyWords reply={message} live={conversation.live} />
      {message.state !== "streaming" && (
        <ReplyLine
          conversation={conversation}
          reply={message}
          version={version}
          versions={versions}
          last={last}
        />
      )}
    </>
  );
}

interface ReplyWordsProps {
  reply: ReplyMessage;
  live: ConversationState["live"];
}

function ReplyWords({ reply, live }: ReplyWordsProps) {
  const streaming = reply.state === "streaming";
  // Made anew with every change of the reply, as when another tab writes it.
  const text: ReadonlySignal<string> = useMemo(
    () =>
      computed(() => {
        const now = live.value;
        return now !== null && now.id === reply.id ? now.text : reply.content;
      }),
    [reply, live],
  );
  return <GrowingText text={streaming ? text : reply.content} streaming={streaming} />;
}
