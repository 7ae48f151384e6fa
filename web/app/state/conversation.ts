// One conversation as the page uses it: what the user can do in it, over the thread of messages, the writer of replies, the
// draft and the context meter. Which conversations there are is left to chats.ts.

import { batch, type ReadonlySignal, type Signal } from "@preact/signals";
import type { ChatMessage, Engine } from "../../engine/types";
import { type ChatStore, type Drafts, NO_DRAFT, type StoredChat } from "./chat_store";
import { ContextMeter, type ContextUse } from "./context_meter";
import { Draft } from "./drafts";
import { newId } from "./ids";
import {
  type Conversation,
  isOpen,
  isReply,
  type Message,
  newestLeaf,
  type ReplyMessage,
  titleFrom,
  type UserMessage,
} from "./messages";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import { ReplyWriter } from "./reply_writer";
import type { Tab } from "./tab";
import { type LiveReply, Thread } from "./thread";

export type { ContextUse };

export interface ConversationState {
  readonly conversation: ReadonlySignal<Conversation>;
  /** The branch on show, first message first. */
  readonly path: ReadonlySignal<readonly Message[]>;
  readonly live: ReadonlySignal<LiveReply | null>;
  /** A reply is being written, or waits for the model. */
  readonly busy: ReadonlySignal<boolean>;
  readonly draft: Signal<string>;
  /** The message that is being edited, and its words so far. */
  readonly editing: Signal<Drafts["editing"] | null>;
  readonly context: ReadonlySignal<ContextUse | null>;
  /** Messages outside the context now. */
  readonly dropped: ReadonlySignal<ReadonlySet<string>>;
  /** False when the conversation ends with the page. */
  readonly persistent: ReadonlySignal<boolean>;
  versions(message: Message): readonly Message[];
  /** What the model was given for this reply, or would be. */
  given(reply: Message): readonly ChatMessage[];
  /** Puts the draft that was kept for a new conversation in front of what stands in its field meanwhile. */
  recall(kept: Drafts): void;
  send(text: string): void;
  stop(): void;
  regenerate(replyId: string): void;
  continueReply(): void;
  /** Opens a message for editing; the last one of the user's when none is named. */
  startEdit(id?: string): void;
  /**
   * Puts the edited words beside the message as another version of it, and shows that; a user's message gets a new reply. What
   * was said before stays within reach.
   */
  finishEdit(): void;
  /** Puts the last user message back into the composer; what was said stays stored as another branch. */
  takeBack(): void;
  showVersion(id: string): void;
  /** Shows the branch that has this message. */
  reveal(id: string): void;
  /** Keeps an exchange in the context, or no longer; `id` is the user's message. */
  pin(id: string, pinned: boolean): void;
  /** What a reply answers, as the engine was asked. */
  askedFor(reply: ReplyMessage): ChatMessage[];
  /** Another version of a reply that begins with these words, and goes on from there unless it is over. */
  branch(replyId: string, beginning: { content: string; tokens: number[]; over: boolean }): void;
  setSystem(text: string): void;
  /** Changes its name, or its place in the list. */
  change(part: Partial<Pick<Conversation, "title" | "pinned">>): void;
  /** Another tab has stored this. */
  receive(conversation: Conversation, messages: readonly Message[]): void;
  /** The whole of it, as it is now. */
  snapshot(): StoredChat;
  /** Writes what is not yet stored; for the moment before the page goes away. */
  flush(): void;
  /** The same for a page that is reloaded or closed this moment. */
  leave(): void;
  /** Nothing of it changes any more, and nothing more is stored, but for the draft if it is to be kept. */
  dispose(options: { keepDraft: boolean }): void;
}

export interface ConversationParts {
  engine: Engine;
  model: ModelState;
  preferences: PreferencesState;
  store: ChatStore;
  tab: Tab;
  /** From the store, or a new conversation. */
  stored: StoredChat | Conversation;
  draft?: Drafts;
  /** The tabs that are open. */
  open: ReadonlySet<string>;
  onReply?: () => void;
}

export function createConversation(parts: ConversationParts): ConversationState {
  const { engine, model, store, stored } = parts;
  const thread = new Thread(store, parts.tab, stored, parts.open);
  const draft = new Draft(store, thread, parts.draft ?? ("draft" in stored ? stored.draft : NO_DRAFT));
  const meter = new ContextMeter(engine, model, parts.preferences, thread, draft.text);
  const writer = new ReplyWriter({ ...parts, thread, meter });
  const { conversation, path, live, busy, persistent } = thread;
  const idle = () => !busy.peek();

  /** The user's words below `parent`, and a reply that waits below them. */
  const say = (content: string, parent: string | null, pinned = false) => {
    const said: UserMessage = {
      id: newId(),
      conversation: conversation.peek().id,
      parent,
      role: "user",
      content,
      created: Date.now(),
      ...(pinned && { pinned }),
    };
    thread.open(thread.newReply(said.id), [said]);
  };
  const show = (leaf: string | null) => {
    thread.touch({ leaf });
    thread.save([]);
  };

  return {
    conversation,
    path,
    live,
    busy,
    persistent,
    draft: draft.text,
    editing: draft.editing,
    context: meter.use,
    dropped: meter.dropped,
    versions: (message) => thread.versions(message),
    given: (reply) => thread.prompt(reply.parent).sent,
    recall: (kept) => draft.recall(kept),
    send(text) {
      if (!idle() || text.trim() === "") return;
      const { leaf, title } = conversation.peek();
      batch(() => {
        draft.text.value = "";
        if (title === "") thread.touch({ title: titleFrom(text) });
        say(text, leaf);
      });
      draft.save();
    },
    stop() {
      const last = path.peek().at(-1);
      if (last === undefined || !isReply(last) || !isOpen(last)) return;
      if (thread.isMine(last)) writer.stop();
      else store.stop(last.id);
    },
    regenerate(replyId) {
      const reply = thread.messages.get(replyId);
      if (!idle() || reply === undefined || reply.parent === null) return;
      // A reply without a word is written again in its place; any other stays as a version.
      const again = thread.newReply(reply.parent);
      if (reply.content === "") again.id = reply.id;
      writer.drawsSeed(again.id);
      thread.open(again);
    },
    continueReply() {
      const last = path.peek().at(-1);
      if (idle() && last !== undefined && isReply(last)) thread.open(thread.reopened(last));
    },
    startEdit(id) {
      const message =
        id === undefined ? path.peek().findLast((one) => !isReply(one)) : thread.messages.get(id);
      if (!idle() || message === undefined) return;
      draft.editing.value = { message: message.id, text: message.content };
    },
    finishEdit() {
      const editing = draft.editing.peek();
      const message = thread.messages.get(editing?.message ?? "");
      if (!idle() || editing == null) return;
      batch(() => {
        draft.editing.value = null;
        if (message === undefined || editing.text.trim() === "" || editing.text === message.content) return;
        if (isReply(message)) thread.open(editedReply(message, editing.text));
        else say(editing.text, message.parent, message.pinned);
      });
      draft.save();
    },
    takeBack() {
      const said = path.peek().findLast((message) => !isReply(message));
      if (!idle() || said === undefined) return;
      draft.text.value = said.content;
      show(said.parent);
    },
    showVersion(id) {
      if (idle()) show(newestLeaf(id, thread.messages));
    },
    reveal(id) {
      if (!idle() || path.peek().some((message) => message.id === id) || !thread.messages.has(id)) return;
      show(newestLeaf(id, thread.messages));
    },
    pin(id, pinned) {
      const message = thread.messages.get(id);
      if (message === undefined || isReply(message)) return;
      const { pinned: _before, ...rest } = message;
      const changed: UserMessage = { ...rest, ...(pinned && { pinned }) };
      thread.put(changed);
      thread.save([changed]);
    },
    askedFor: (reply) => thread.prompt(reply.parent).sent,
    branch(replyId, { content, tokens, over }) {
      const reply = thread.messages.get(replyId);
      if (!idle() || reply === undefined || reply.parent === null) return;
      const state = over ? "done" : "waiting";
      thread.open({ ...thread.newReply(reply.parent), content, tokens, state });
    },
    setSystem(text) {
      thread.touch({ system: text });
      thread.save([]);
    },
    change(part) {
      thread.change(part);
      thread.save([]);
    },
    receive: (record, messages) => thread.receive(record, messages),
    snapshot: () => ({
      conversation: conversation.peek(),
      messages: thread.current(),
      draft: draft.peek(),
    }),
    flush() {
      draft.flush();
      thread.flush();
    },
    leave() {
      const messages = thread.unsettled();
      const left = draft.peek();
      if (messages.length > 0 || left.text !== "" || left.editing !== undefined)
        store.leave({ conversation: conversation.peek(), messages, draft: left });
      this.flush();
    },
    dispose({ keepDraft }) {
      if (keepDraft) draft.flush();
      writer.dispose();
      meter.dispose();
      draft.dispose();
      thread.close();
    },
  };
}

/** The user's words in place of the model's, beside them. */
function editedReply(reply: ReplyMessage, content: string): ReplyMessage {
  const {
    id: _other,
    revision: _stored,
    failure: _old,
    details: _counted,
    tokens: _written,
    writer: _nobody,
    ...rest
  } = reply;
  return { ...rest, id: newId(), content, created: Date.now(), state: "done", edited: true };
}
