// The conversation as the page uses it: what the user can do, over the thread of messages, the writer of replies, the
// draft and the context meter.

import { batch, type ReadonlySignal, type Signal } from "@preact/signals";
import type { Engine } from "../../engine/types";
import type { ChatStore, StoredChat } from "./chat_store";
import { ContextMeter, type ContextUse } from "./context_meter";
import { Draft } from "./drafts";
import { newId } from "./ids";
import {
  type Conversation,
  isReply,
  type Message,
  newestLeaf,
  titleFrom,
  type UserMessage,
} from "./messages";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import { ReplyWriter } from "./reply_writer";
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
  readonly context: ReadonlySignal<ContextUse | null>;
  /** Messages outside the context now. */
  readonly dropped: ReadonlySignal<ReadonlySet<string>>;
  /** False when the conversation ends with the page. */
  readonly persistent: ReadonlySignal<boolean>;
  versions(message: Message): readonly Message[];
  send(text: string): void;
  stop(): void;
  regenerate(replyId: string): void;
  continueReply(): void;
  /** Puts the last user message back into the composer; what was said stays stored as another branch. */
  takeBack(): void;
  showVersion(id: string): void;
  setSystem(text: string): void;
  newChat(): void;
  /** Writes what is not yet stored; for the moment before the page goes away. */
  flush(): void;
  /** The same for a page that is reloaded or closed this moment. */
  leave(): void;
}

export interface ConversationParts {
  engine: Engine;
  model: ModelState;
  preferences: PreferencesState;
  store: ChatStore;
  stored: StoredChat | null;
  onFirstReply?: () => void;
}

export function createConversation(parts: ConversationParts): ConversationState {
  const { engine, model, store, stored } = parts;
  const thread = new Thread(store, stored);
  const draft = new Draft(store, thread, stored?.draft ?? "");
  const meter = new ContextMeter(engine, model, thread, draft.text);
  const writer = new ReplyWriter({ ...parts, thread, meter });
  const { conversation, path, live, busy, persistent } = thread;
  const idle = () => !busy.peek();

  return {
    conversation,
    path,
    live,
    busy,
    persistent,
    draft: draft.text,
    context: meter.use,
    dropped: meter.dropped,
    versions: (message) => thread.versions(message),
    send(text) {
      if (!idle() || text.trim() === "") return;
      const { id, leaf, title } = conversation.peek();
      const said: UserMessage = {
        id: newId(),
        conversation: id,
        parent: leaf,
        role: "user",
        content: text,
        created: Date.now(),
      };
      batch(() => {
        draft.text.value = "";
        if (title === "") thread.touch({ title: titleFrom(text) });
        thread.open(thread.newReply(said.id), [said]);
      });
      draft.save();
    },
    stop: () => writer.stop(),
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
      if (idle() && last !== undefined && isReply(last)) thread.open({ ...last, state: "waiting" });
    },
    takeBack() {
      const said = path.peek().findLast((message) => !isReply(message));
      if (!idle() || said === undefined) return;
      draft.text.value = said.content;
      thread.touch({ leaf: said.parent });
      thread.save([]);
    },
    showVersion(id) {
      if (!idle()) return;
      thread.touch({ leaf: newestLeaf(id, thread.messages) });
      thread.save([]);
    },
    setSystem(text) {
      thread.touch({ system: text });
      thread.save([]);
    },
    newChat() {
      writer.stop();
      if (path.peek().length === 0) return;
      draft.save();
      batch(() => {
        thread.startOver();
        draft.text.value = "";
        meter.show(null);
      });
    },
    flush() {
      draft.flush();
      thread.flush();
    },
    leave() {
      const messages = thread.unsettled();
      const text = draft.text.peek();
      if (messages.length > 0 || text !== "")
        store.leave({ conversation: thread.conversation.peek(), messages, draft: text });
      this.flush();
    },
  };
}
