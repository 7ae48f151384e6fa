// The conversation's messages: the tree, the branch on show, the reply being written, and their way into storage. What is
// said next, and by whom, is left to conversation.ts and reply_writer.ts.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChatMessage } from "../../engine/types";
import type { ChatStore, StoredChat } from "./chat_store";
import { newId } from "./ids";
import {
  type Conversation,
  familyKey,
  isOpen,
  isReply,
  type Message,
  pathTo,
  type ReplyMessage,
} from "./messages";

/** The reply being written; `text` is all of it so far. */
export interface LiveReply {
  id: string;
  text: string;
}

/** Messages as the engine takes them, and which of ours each is; "" is the system text or a draft. */
export interface Prompt {
  sent: ChatMessage[];
  ids: string[];
}

export type ReplyChange = Partial<Omit<ReplyMessage, "role" | "id">>;

const SAVE_MS = 500; // a crash loses at most this much of a reply

function newConversation(system: string): Conversation {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, leaf: null, system };
}

/** A reply that a reload or a crash cut off is whole as far as it goes; without a word it is written again. */
function restored(message: Message): Message {
  if (!isReply(message) || message.state !== "streaming") return message;
  return { ...message, state: message.content === "" ? "waiting" : "interrupted" };
}

export class Thread {
  readonly conversation: Signal<Conversation>;
  readonly live: Signal<LiveReply | null> = signal(null);
  /** False when the conversation ends with the page. */
  readonly persistent: Signal<boolean>;
  /** The branch on show, first message first. */
  readonly path: ReadonlySignal<readonly Message[]>;
  /** A reply is being written, or waits for the model. */
  readonly busy: ReadonlySignal<boolean>;
  readonly #messages: Signal<ReadonlyMap<string, Message>>;
  readonly #families: ReadonlySignal<ReadonlyMap<string, readonly Message[]>>;
  readonly #store: ChatStore;
  #unsaved: ReturnType<typeof setTimeout> | undefined; // the next write of a partial reply

  constructor(store: ChatStore, stored: StoredChat | null) {
    this.#store = store;
    this.persistent = signal(store.persistent);
    this.conversation = signal(stored?.conversation ?? newConversation(""));
    this.#messages = signal(new Map(stored?.messages.map((message) => [message.id, restored(message)])));
    this.#families = computed(() => familiesOf(this.#messages.value.values()));
    this.path = computed(() => pathTo(this.conversation.value.leaf, this.#messages.value));
    this.busy = computed(() => {
      const last = this.path.value.at(-1);
      return last !== undefined && isOpen(last);
    });
    if (stored === null) this.save([]); // so that a draft has a conversation to come back with
  }

  get messages(): ReadonlyMap<string, Message> {
    return this.#messages.peek();
  }

  /** The versions of a message, itself among them, oldest first. */
  versions(message: Message): readonly Message[] {
    return this.#families.value.get(familyKey(message)) ?? [message];
  }

  put(...changed: Message[]): void {
    const next = new Map(this.#messages.peek());
    for (const message of changed) next.set(message.id, message);
    this.#messages.value = next;
  }

  save(changed: readonly Message[]): void {
    void this.#store.save(this.conversation.peek(), changed).catch((error: unknown) => {
      console.error("The conversation could not be stored:", error);
      this.persistent.value = false;
    });
  }

  touch(part: Partial<Conversation>): void {
    this.conversation.value = { ...this.conversation.peek(), ...part, updated: Date.now() };
  }

  /** Puts `reply` at the end of the branch on show. */
  open(reply: ReplyMessage, others: readonly Message[] = []): void {
    batch(() => {
      this.put(...others, reply);
      this.touch({ leaf: reply.id });
      this.save([...others, reply]);
    });
  }

  newReply(parent: string): ReplyMessage {
    return {
      id: newId(),
      conversation: this.conversation.peek().id,
      parent,
      role: "assistant",
      content: "",
      created: Date.now(),
      state: "waiting",
    };
  }

  /** More of the reply being written; stored within SAVE_MS. */
  grow(id: string, text: string): void {
    const before = this.live.peek();
    if (before?.id !== id || text === "") return;
    this.live.value = { id, text: before.text + text };
    this.#unsaved ??= setTimeout(() => this.flush(), SAVE_MS);
  }

  /** The reply is no longer being written, and is stored. */
  settle(id: string, part: ReplyChange): void {
    this.#forgetTimer();
    const message = this.#current(id);
    if (message === undefined || !isReply(message)) return;
    const settled: ReplyMessage = { ...message, ...part };
    batch(() => {
      this.put(settled);
      if (this.live.peek()?.id === id) this.live.value = null;
      this.touch({});
      this.save([settled]);
    });
  }

  /** Stores the reply being written as far as it goes. */
  flush(): void {
    this.#forgetTimer();
    const live = this.live.peek();
    const message = live === null ? undefined : this.#current(live.id);
    if (message !== undefined) this.save([message]);
  }

  /** The reply being written and what it answers, as they are on the screen; empty when none is. */
  unsettled(): Message[] {
    const live = this.live.peek();
    if (live === null) return [];
    return pathTo(live.id, this.#messages.peek())
      .slice(-2)
      .map((message) => this.#current(message.id) ?? message);
  }

  startOver(): void {
    batch(() => {
      this.conversation.value = newConversation(this.conversation.peek().system);
      this.#messages.value = new Map();
      this.save([]);
    });
  }

  /** What the engine is to read: the system text and the branch up to `leaf`, without replies that have no words. */
  prompt(leaf: string | null): Prompt {
    const prompt: Prompt = { sent: [], ids: [] };
    const { system } = this.conversation.peek();
    if (system.trim() !== "") {
      prompt.sent.push({ role: "system", content: system });
      prompt.ids.push("");
    }
    for (const { id, role, content } of pathTo(leaf, this.#messages.peek())) {
      if (content === "") continue;
      prompt.sent.push({ role, content });
      prompt.ids.push(id);
    }
    return prompt;
  }

  /** A message with the text that is on the screen. */
  #current(id: string): Message | undefined {
    const message = this.#messages.peek().get(id);
    const live = this.live.peek();
    return message !== undefined && live?.id === id ? { ...message, content: live.text } : message;
  }

  #forgetTimer(): void {
    clearTimeout(this.#unsaved);
    this.#unsaved = undefined;
  }
}

function familiesOf(messages: Iterable<Message>): ReadonlyMap<string, readonly Message[]> {
  const families = new Map<string, Message[]>();
  for (const message of messages) {
    const key = familyKey(message);
    const family = families.get(key);
    if (family === undefined) families.set(key, [message]);
    else family.push(message);
  }
  for (const family of families.values()) family.sort((a, b) => a.created - b.created);
  return families;
}
