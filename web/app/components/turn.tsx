// One turn of the conversation, set as in a play: the speaker in the margin, the words in the column, and under a reply
// one muted line with its figures and what can be done with it.

import { type ReadonlySignal, useComputed } from "@preact/signals";
import { memo } from "preact/compat";
import { t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { isReply, type Message, type ReplyMessage } from "../state/messages";
import { GrowingText } from "./growing_text";
import { ReplyLine } from "./reply_line";

interface TurnProps {
  conversation: ConversationState;
  message: Message;
  version: number;
  versions: number;
  last: boolean;
  dropped: boolean;
  rule: boolean; // the last of a run of dropped turns
}

function TurnView({ conversation, message, version, versions, last, dropped, rule }: TurnProps) {
  const reply = isReply(message) ? message : null;
  return (
    <>
      <article
        class="turn"
        data-role={message.role}
        data-dropped={dropped ? "" : undefined}
        data-last={last ? "" : undefined}
      >
        <h2 class="speaker">{reply === null ? t.value.you : t.value.parley}</h2>
        <div class="column">
          {reply === null ? (
            <GrowingText text={message.content} />
          ) : (
            <ReplyWords reply={reply} live={conversation.live} />
          )}
          {reply !== null && reply.state !== "streaming" && (
            <ReplyLine
              conversation={conversation}
              reply={reply}
              version={version}
              versions={versions}
              last={last}
            />
          )}
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

interface ReplyWordsProps {
  reply: ReplyMessage;
  live: ConversationState["live"];
}

function ReplyWords({ reply, live }: ReplyWordsProps) {
  const streaming = reply.state === "streaming";
  const text: ReadonlySignal<string> = useComputed(() => {
    const now = live.value;
    return now !== null && now.id === reply.id ? now.text : reply.content;
  });
  return <GrowingText text={streaming ? text : reply.content} streaming={streaming} />;
}
