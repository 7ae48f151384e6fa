// The messages of one conversation: the tree, the branch on show, the reply being written, their way into storage, and
// what other tabs do to them. What is said next, and by whom, is left to conversation.ts and reply_writer.ts.

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
import type { Tab } from "./tab";

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

export function newConversation(system: string): Conversation {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, leaf: null, system, pinned: false };
}

export class Thread {
  readonly conversation: Signal<Conversation>;
  readonly live: Signal<LiveReply | null> = signal(null);
  /** False when the conversation ends with the page. */
  readonly persistent: Signal<boolean>;
  /** The branch on show, first message first. */
  readonly path: ReadonlySignal<readonly Message[]>;
  /** A reply is being written, or waits for the model; it may be in another tab. */
  readonly busy: ReadonlySignal<boolean>;
  /** Called when another tab has the reply that is being written here. */
  onTaken: (id: string) => void = () => {};
  readonly #messages: Signal<ReadonlyMap<string, Message>>;
  readonly #families: ReadonlySignal<ReadonlyMap<string, readonly Message[]>>;
  readonly #revisions = new Map<string, number>(); // of each message that is stored
  readonly #store: ChatStore;
  readonly #tab: Tab;
  #unsaved: ReturnType<typeof setTimeout> | undefined; // the next write of a partial reply
  #touched: Partial<Conversation> = {}; // since the last save
  #closed = false;
  readonly #watches = new Map<string, () => void>(); // tabs that write here

  /** `open`: the tabs that are open. */
  constructor(store: ChatStore, tab: Tab, stored: StoredChat | Conversation, open: ReadonlySet<string>) {
    const { conversation, messages } = "messages" in stored ? stored : { conversation: stored, messages: [] };
    this.#store = store;
    this.#tab = tab;
    this.persistent = signal(store.access === "full");
    this.conversation = signal(conversation);
    this.#messages = signal(new Map(messages.map((message) => [message.id, message])));
    for (const { id, revision = 0 } of messages) this.#revisions.set(id, revision);
    this.#families = computed(() => familiesOf(this.#messages.value.values()));
    this.path = computed(() => pathTo(this.conversation.value.leaf, this.#messages.value));
    this.busy = computed(() => {
      const last = this.path.value.at(-1);
      return last !== undefined && isOpen(last);
    });
    this.#adopt(open);
  }

  get messages(): ReadonlyMap<string, Message> {
    return this.#messages.peek();
  }

  isMine({ writer }: ReplyMessage): boolean {
    return writer === this.#tab.id;
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

  /** Stores these messages, and what was touched of the conversation. */
  save(changed: readonly Message[]): void {
    if (this.#closed) return;
    const part = this.#touched;
    this.#touched = {};
    const messages = changed.map((message) => this.#next(message));
    const whole = () => {
      const sent = new Map(messages.map((message) => [message.id, message]));
      return [...this.messages.values()].map((message) => sent.get(message.id) ?? message);
    };
    const change = { conversation: this.conversation.peek(), part, messages, whole };
    this.#store.save(change).then(
      (conflicts) => {
        for (const theirs of conflicts) this.#yield(theirs);
      },
      (error: unknown) => {
        console.error("The conversation could not be stored:", error);
        this.persistent.value = false;
      },
    );
  }

  /** Something was said or shown. */
  touch(part: Partial<Conversation>): void {
    this.change({ ...part, updated: Date.now() });
  }

  change(part: Partial<Conversation>): void {
    Object.assign(this.#touched, part);
    this.conversation.value = { ...this.conversation.peek(), ...part };
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
      writer: this.#tab.id,
    };
  }

  /** `reply`, to be written on from where it is. */
  reopened(reply: ReplyMessage): ReplyMessage {
    return { ...reply, state: "waiting", writer: this.#tab.id };
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
    const { writer: _nobody, ...rest } = message;
    const settled: ReplyMessage = { ...rest, ...part };
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
    return pathTo(live.id, this.messages)
      .slice(-2)
      .map((message) => this.#current(message.id) ?? message);
  }

  /** Every message, with the text that is on the screen. */
  current(): Message[] {
    return [...this.messages.keys()].flatMap((id) => this.#current(id) ?? []);
  }

  /** Nothing more is stored. */
  close(): void {
    this.#closed = true;
    this.#forgetTimer();
    for (const callOff of this.#watches.values()) callOff();
    this.#watches.clear();
  }

  /** What the engine is to read: the system text and the branch up to `leaf`, without replies that have no words. */
  prompt(leaf: string | null): Prompt {
    const prompt: Prompt = { sent: [], ids: [] };
    const { system } = this.conversation.peek();
    if (system.trim() !== "") {
      prompt.sent.push({ role: "system", content: system });
      prompt.ids.push("");
    }
    for (const message of pathTo(leaf, this.messages)) {
      const { id, role, content } = message;
      if (content === "") continue;
      const pinned = !isReply(message) && message.pinned === true;
      prompt.sent.push({ role, content, ...(pinned && { pinned }) });
      prompt.ids.push(id);
    }
    return prompt;
  }

  /** Another tab has stored this. The branch on show stays, unless it has grown. */
  receive(conversation: Conversation, messages: readonly Message[]): void {
    const newer = messages.filter(({ id, revision = 0 }) => revision > (this.#revisions.get(id) ?? -1));
    for (const { id, revision = 0 } of newer) this.#revisions.set(id, revision);
    const before = this.conversation.peek();
    batch(() => {
      for (const message of newer) {
        if (this.live.peek()?.id === message.id) this.#yield(message);
      }
      this.put(...newer);
      const grown =
        before.leaf === null || pathTo(conversation.leaf, this.messages).some(({ id }) => id === before.leaf);
      this.conversation.value = { ...conversation, leaf: grown ? conversation.leaf : before.leaf };
    });
    this.#watch();
  }

  /** A message with the text that is on the screen. */
  #current(id: string): Message | undefined {
    const message = this.messages.get(id);
    const live = this.live.peek();
    return message !== undefined && live?.id === id ? { ...message, content: live.text } : message;
  }

  /** `message` as the next one of its name. */
  #next(message: Message): Message {
    const before = this.#revisions.get(message.id);
    const revision = before === undefined ? 0 : before + 1;
    this.#revisions.set(message.id, revision);
    return { ...message, revision };
  }

  /** Another tab was first with this message: theirs stands, and words of ours that it lacks become a version beside it. */
  #yield(theirs: Message): void {
    const mine = this.#current(theirs.id);
    this.#revisions.set(theirs.id, theirs.revision ?? 0);
    if (this.live.peek()?.id === theirs.id) {
      this.onTaken(theirs.id);
      this.live.value = null;
    }
    this.put(theirs);
    this.#watch();
    if (mine === undefined || !isReply(mine) || theirs.content.startsWith(mine.content)) return;
    const { writer: _nobody, ...rest } = mine;
    const copy: ReplyMessage = { ...rest, id: newId(), state: isOpen(mine) ? "interrupted" : mine.state };
    this.put(copy);
    this.save([copy]);
  }

  /**
   * Takes over the replies whose tab is closed: what a reload or a crash cut off is whole as far as it goes; without a word it
   * is written again, here.
   */
  #adopt(open: ReadonlySet<string>): void {
    const left = [...this.messages.values()].filter(
      (message): message is ReplyMessage =>
        isReply(message) && isOpen(message) && !this.isMine(message) && !open.has(message.writer ?? ""),
    );
    const adopted = left.map((reply): ReplyMessage => {
      if (reply.state === "waiting" || reply.content === "") return this.reopened(reply);
      const { writer: _closed, ...rest } = reply;
      return { ...rest, state: "interrupted" };
    });
    if (adopted.length > 0) {
      this.put(...adopted);
      this.save(adopted);
    }
    this.#watch();
  }

  /** Waits for the end of the tabs that write here. */
  #watch(): void {
    const writers = new Set<string>();
    for (const message of this.messages.values()) {
      if (isReply(message) && isOpen(message) && !this.isMine(message)) writers.add(message.writer ?? "");
    }
    for (const [writer, callOff] of this.#watches) {
      if (writers.has(writer)) continue;
      callOff();
      this.#watches.delete(writer);
    }
    for (const writer of writers) {
      if (this.#watches.has(writer)) continue;
      const closed = () => {
        this.#watches.delete(writer);
        if (!this.#closed) void this.#tab.open().then((open) => this.#adopt(open));
      };
      this.#watches.set(writer, this.#tab.whenClosed(writer, closed));
    }
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
