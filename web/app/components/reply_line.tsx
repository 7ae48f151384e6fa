// The muted line under a reply: its figures, its versions and its actions, or what went wrong and what to do.

import { failureText, formatNumber, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { hasPinned, isUnfinished, type ReplyMessage } from "../state/messages";
import { usePage } from "../state/page";
import { CopyButton } from "./copy_button";
import { focusMessage } from "./focus";
import { Versions } from "./versions";

interface ReplyLineProps {
  conversation: ConversationState;
  reply: ReplyMessage;
  version: number;
  versions: number;
  last: boolean;
}

/** `18 tokens, 142/s, seed 48213`, and how the reply ended where that is worth a word. */
export function figures(reply: ReplyMessage): string {
  const text = t.value.reply;
  const parts: string[] = [];
  const { details } = reply;
  if (reply.edited === true) parts.push(text.edited);
  if (details?.tokens != null) parts.push(text.tokens(formatNumber(details.tokens)));
  if (reply.state === "cut") parts.push(text.cut);
  if (reply.state === "stopped" && reply.content !== "") parts.push(text.stopped);
  if (reply.state === "interrupted") parts.push(text.interrupted);
  if (details !== undefined && reply.state !== "stopped" && reply.state !== "interrupted") {
    if (details.tokensPerSecond > 0)
      parts.push(text.rate(formatNumber(details.tokensPerSecond, details.tokensPerSecond < 10 ? 1 : 0)));
    parts.push(text.seed(String(details.seed)));
  }
  return parts.join(t.value.comma);
}

export function ReplyLine({ conversation, reply, version, versions, last }: ReplyLineProps) {
  if (reply.state === "waiting") return <WaitingLine />;
  const { failure } = reply;
  const canContinue = last && isUnfinished(reply);
  return (
    <>
      {failure !== undefined && (
        <FailureLine conversation={conversation} code={failure.code} message={failure.message} />
      )}
      {reply.content === "" && failure === undefined && (
        <p class="aside">{reply.state === "stopped" ? t.value.reply.stoppedEmpty : t.value.reply.empty}</p>
      )}
      <div class="turn-line" data-kept={last ? "" : undefined}>
        <span class="figures">{figures(reply)}</span>
        <Versions conversation={conversation} message={reply} version={version} versions={versions} />
        <span class="actions">
          {reply.content !== "" && <CopyButton text={reply.content} />}
          <ShareButton conversation={conversation} reply={reply} />
          <button
            type="button"
            class="quiet changes"
            onClick={() => {
              conversation.regenerate(reply.id);
              focusMessage();
            }}
          >
            {reply.content === "" ? t.value.reply.tryAgain : t.value.reply.regenerate}
          </button>
          {canContinue && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                conversation.continueReply();
                focusMessage();
              }}
            >
              {t.value.reply.continue}
            </button>
          )}
          {reply.content !== "" && (
            <button type="button" class="quiet changes" onClick={() => conversation.startEdit(reply.id)}>
              {t.value.turn.edit}
            </button>
          )}
          {reply.content !== "" && <InspectButton id={reply.id} />}
        </span>
      </div>
    </>
  );
}

function InspectButton({ id }: { id: string }) {
  const { target } = usePage().inspector;
  const isOpen = target.value?.kind === "reply" && target.value.id === id;
  return (
    <button
      type="button"
      class="quiet"
      data-inspects={id}
      aria-expanded={isOpen}
      onClick={() => {
        target.value = isOpen ? null : { kind: "reply", id };
      }}
    >
      {t.value.reply.inspect}
    </button>
  );
}

function WaitingLine() {
  const { model } = usePage();
  const { phase } = model.phase.value;
  const text = t.value.reply;
  const other = phase === "loading" ? model.arriving.value : null;
  if (other !== null) return <p class="aside">{text.waitingFor(other.name)}</p>;
  return (
    <p class="aside">{phase === "loading" || phase === "restarting" ? text.waiting : text.waitingForRetry}</p>
  );
}

interface FailureLineProps {
  conversation: ConversationState;
  code: string;
  message: string;
}

function FailureLine({ conversation, code, message }: FailureLineProps) {
  const { cause, next } = failureText(code);
  return (
    <div class="reply-failure">
      <p>
        <span class="lost">{cause}</span> {next}{" "}
        {code === "CONTEXT_FULL" && hasPinned(conversation.path.value) && `${t.value.context.unpin} `}
        {code === "CONTEXT_FULL" && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              conversation.takeBack();
              focusMessage();
            }}
          >
            {t.value.reply.edit}
          </button>
        )}
      </p>
      <p class="figures">
        {code}: <bdi>{message}</bdi>
      </p>
    </div>
  );
}

/** Shares what a finished reply came of: model, words, options, seed. Of a continued one, its last part. */
function ShareButton({ conversation, reply }: { conversation: ConversationState; reply: ReplyMessage }) {
  const { tools } = usePage();
  const { details, content, state } = reply;
  if (details === undefined || content === "" || (state !== "done" && state !== "cut")) return null;
  const share = () => {
    const { from = 0, model, options, contextTotal: context } = details;
    const messages = [...conversation.given(reply)];
    if (from > 0) messages.push({ role: "assistant", content: content.slice(0, from) });
    tools.share({ model, asked: { kind: "chat", messages }, options, context, text: content.slice(from) });
  };
  return (
    <button type="button" class="quiet" onClick={share}>
      {t.value.reply.share}
    </button>
  );
}
