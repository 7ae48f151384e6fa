// The panel that looks inside a reply, or inside any text: beside the conversation where there is room, else a sheet over
// it. It comes with its own texts and styles, after the page, when it is first asked for.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import { focusMessage } from "../../components/focus";
import { Sheet } from "../../components/sheet";
import { t } from "../../i18n";
import { words } from "../../i18n/inspector";
import type { ConversationState } from "../../state/conversation";
import type { Target } from "../../state/inspector";
import { isReply, type ReplyMessage } from "../../state/messages";
import { type PageState, usePage } from "../../state/page";
import { branchOf, replyRequest, TextReview, type Token } from "../../state/review";
import { chatParams } from "../../state/scenarios";
import "../../styles/inspector.css";
import { Reviewed } from "./reviewed";
import { Tabs } from "./tabs";

const ROOM = "(width >= 1200px)"; // for the list, the column and the panel

interface PanelProps {
  conversation: ConversationState;
  onClose: () => void;
}

export function InspectorPanel(props: PanelProps) {
  const title = words.value.title;
  if (useRoom()) return <Aside title={title} {...props} />;
  return (
    <Sheet open class="inspector-sheet" title={title} onClose={props.onClose}>
      <Body conversation={props.conversation} />
    </Sheet>
  );
}

function useRoom(): boolean {
  const query = useMemo(() => matchMedia(ROOM), []);
  const room = useSignal(query.matches);
  useEffect(() => {
    const onChange = () => {
      room.value = query.matches;
    };
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, [query, room]);
  return room.value;
}

function Aside({ title, conversation, onClose }: PanelProps & { title: string }) {
  const heading = useId();
  const top = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    top.current?.focus();
    // The page makes room.
    const root = document.documentElement;
    root.dataset.inspector = "";
    return () => {
      delete root.dataset.inspector;
    };
  }, []);
  return (
    <aside
      class="inspector"
      aria-labelledby={heading}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
      }}
    >
      <header class="sheet-head">
        <h2 id={heading} ref={top} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="quiet" onClick={onClose}>
          {t.value.close}
        </button>
      </header>
      <Body conversation={conversation} />
    </aside>
  );
}

function Body({ conversation }: { conversation: ConversationState }) {
  const page = usePage();
  const { inspector } = page;
  const review = useMemo(() => new TextReview(inspector.engine), [inspector]);
  const lastReply = useRef<string | null>(null);
  const target = inspector.target.value;
  const reply = target?.kind === "reply" ? target.id : null;
  if (reply !== null) lastReply.current = reply;
  const message = conversation.path.value.find(({ id }) => id === reply);
  useEffect(() => {
    if (message !== undefined && isReply(message)) openReply(review, page, conversation, message);
    return () => review.close();
  }, [review, reply, message?.content, conversation, page]); // a reply that went on is looked at anew
  if (target === null) return null;
  const show = (next: Target) => {
    inspector.target.value = next;
  };
  return (
    <div class="inspector-body">
      <Tabs
        label={words.value.views}
        value={target.kind}
        options={[
          ...(lastReply.current === null ? [] : [["reply", words.value.reply] as const]),
          ["text", words.value.text],
        ]}
        onChange={(kind) => show(kind === "text" ? { kind } : { kind: "reply", id: lastReply.current ?? "" })}
      />
      {target.kind === "reply" ? (
        <OfReply review={review} conversation={conversation} id={target.id} />
      ) : (
        <OfText review={review} />
      )}
    </div>
  );
}

function openReply(
  review: TextReview,
  { inspector, model, preferences }: PageState,
  conversation: ConversationState,
  reply: ReplyMessage,
): void {
  const { system } = conversation.conversation.peek();
  const defaults = chatParams(system, preferences.overrides(model.id.peek()));
  const loaded = model.info.peek()?.id ?? "";
  void review.open(replyRequest(inspector.engine, reply, conversation.askedFor(reply), loaded, defaults));
}

function OfReply({
  review,
  conversation,
  id,
}: {
  review: TextReview;
  conversation: ConversationState;
  id: string;
}) {
  const { model, inspector } = usePage();
  const reply = conversation.path.value.find((message) => message.id === id);
  if (reply === undefined || !isReply(reply)) return <p class="hint">{words.value.gone}</p>;
  const loaded = model.info.value;
  const goOn = (index: number, choice: Token) => {
    const answer = review.review.peek();
    if (answer.state !== "there") return;
    inspector.target.value = null;
    conversation.branch(reply.id, branchOf(answer.value.tokens, index, choice));
    requestAnimationFrame(focusMessage); // once the sheet is gone: it keeps the focus to itself
  };
  const isOther = reply.details !== undefined && loaded !== null && reply.details.model !== loaded.id;
  return (
    <>
      {isOther && <p class="hint">{words.value.otherModel(loaded.name)}</p>}
      <Reviewed review={review} onBranch={conversation.busy.value ? undefined : goOn} />
    </>
  );
}

function OfText({ review }: { review: TextReview }) {
  const field = useId();
  const text = useSignal("");
  return (
    <>
      <form
        class="any-text"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.peek() !== "") void review.open(Promise.resolve({ text: text.peek() }));
        }}
      >
        <label for={field}>{words.value.paste}</label>
        <textarea
          id={field}
          class="field field-words"
          rows={4}
          dir="auto"
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        />
        <p class="hint">{words.value.pasteHint}</p>
        <button type="submit" class="button" aria-disabled={text.value === ""}>
          {words.value.look}
        </button>
      </form>
      {review.review.value.state !== "none" && <Reviewed review={review} />}
    </>
  );
}
