// Where conversations are kept, as the rest of the page knows it, and the store for browsers that keep nothing: memory.
// What conversations mean is left to conversation.ts, the database to chat_database.ts.

import type { Conversation, Message } from "./messages";

/** What stands in a conversation's fields and is not sent yet. */
export interface Drafts {
  text: string;
  /** The message that is being edited, and the words so far. */
  editing?: { message: string; text: string };
}

export interface StoredChat {
  conversation: Conversation;
  messages: Message[];
  draft: Drafts;
}

/** Of one conversation. Everything of it is stored, or nothing. */
export interface ChatChange {
  conversation: Conversation;
  /** What changed of the conversation itself; other fields stay as another tab may have left them. */
  part: Partial<Conversation>;
  /** Messages that are new or changed. */
  messages: readonly Message[];
  /** Every message, for a conversation that is not in the store. */
  whole: () => readonly Message[];
}

/** Messages that another tab changed first, as they are stored; they were not overwritten. */
export type Conflicts = readonly Message[];

export interface Added {
  conversations: number; // that were not there
  messages: number; // of conversations that were there, too
}

/** What happened to the store. `own`: by this tab. */
export type ChatEvent =
  | { kind: "saved"; conversation: Conversation; messages: readonly Message[]; own: boolean }
  | { kind: "removed"; conversation: string; own: boolean }
  | { kind: "added"; own: boolean }
  | { kind: "stop"; reply: string; own: boolean }; // the tab that writes this reply is asked to stop

/**
 * `full`: kept on this device. `memory`: nothing outlives the page. `newer`: what is stored was written by a later version
 * of Parley, or could not be brought to this one; it can be read, and what is said now ends with the page.
 */
export type Access = "full" | "memory" | "newer";

/** Under this name is kept what was written into a conversation that is not stored yet. */
export const NEW_CHAT = "new";

export interface ChatStore {
  readonly access: Access;
  /** Every conversation, in no order. */
  list(): Promise<Conversation[]>;
  read(id: string): Promise<StoredChat | null>;
  readDraft(id: string): Promise<Drafts>;
  save(change: ChatChange): Promise<Conflicts>;
  saveDraft(id: string, draft: Drafts): Promise<void>;
  /** Deletes a conversation; what it was, for add(). */
  remove(id: string): Promise<StoredChat | null>;
  /** Adds what is missing of these; what is there stays as it is. Everything or nothing. */
  add(chats: readonly StoredChat[]): Promise<Added>;
  /** Keeps what changed last for the next page in this tab, at once: a page that goes away has no time for IndexedDB. */
  leave(changed: StoredChat): void;
  /** The page did not go away after all. */
  stay(): void;
  /** Asks the tab that writes it to stop. */
  stop(reply: string): void;
  onEvent(listener: (event: ChatEvent) => void): () => void;
}

export class Listeners {
  readonly #all = new Set<(event: ChatEvent) => void>();

  add(listener: (event: ChatEvent) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(event: ChatEvent): void {
    for (const listener of [...this.#all]) listener(event);
  }
}

export const NO_DRAFT: Drafts = { text: "" };

export function isBlank({ text, editing }: Drafts): boolean {
  return text === "" && editing === undefined;
}

/** Keeps conversations as long as the page lives; what is not in it is looked for in `below`, which is only read. */
export class MemoryStore implements ChatStore {
  readonly access: Access;
  readonly #below: Pick<ChatStore, "list" | "read"> | null;
  readonly #conversations = new Map<string, Conversation | null>(); // null: deleted
  readonly #messages = new Map<string, Message>();
  readonly #drafts = new Map<string, Drafts>();
  readonly #listeners = new Listeners();

  constructor(below: Pick<ChatStore, "list" | "read"> | null = null) {
    this.#below = below;
    this.access = below === null ? "memory" : "newer";
  }

  async list(): Promise<Conversation[]> {
    const below = (await this.#below?.list()) ?? [];
    const mine = [...this.#conversations.values()].filter((one) => one !== null);
    return [...mine, ...below.filter(({ id }) => !this.#conversations.has(id))];
  }

  async read(id: string): Promise<StoredChat | null> {
    const conversation = this.#conversations.get(id);
    if (conversation === undefined) return (await this.#below?.read(id)) ?? null;
    if (conversation === null) return null;
    const messages = [...this.#messages.values()].filter((message) => message.conversation === id);
    return { conversation, messages, draft: await this.readDraft(id) };
  }

  async readDraft(id: string): Promise<Drafts> {
    return this.#drafts.get(id) ?? NO_DRAFT;
  }

  async save({ conversation, part, messages, whole }: ChatChange): Promise<Conflicts> {
    const stored = this.#conversations.get(conversation.id) ?? undefined;
    const record = stored === undefined ? conversation : { ...stored, ...part };
    const written = stored === undefined ? whole() : messages;
    this.#conversations.set(record.id, record);
    for (const message of written) this.#messages.set(message.id, message);
    this.#listeners.tell({ kind: "saved", conversation: record, messages: written, own: true });
    return [];
  }

  async saveDraft(id: string, draft: Drafts): Promise<void> {
    if (isBlank(draft)) this.#drafts.delete(id);
    else this.#drafts.set(id, draft);
  }

  async remove(id: string): Promise<StoredChat | null> {
    const stored = await this.read(id);
    this.#conversations.set(id, null);
    for (const message of stored?.messages ?? []) this.#messages.delete(message.id);
    this.#drafts.delete(id);
    this.#listeners.tell({ kind: "removed", conversation: id, own: true });
    return stored;
  }

  async add(chats: readonly StoredChat[]): Promise<Added> {
    const added = { conversations: 0, messages: 0 };
    for (const { conversation, messages, draft } of chats) {
      const there = await this.read(conversation.id);
      const known = new Set(there?.messages.map(({ id }) => id));
      this.#conversations.set(conversation.id, there?.conversation ?? conversation);
      for (const message of [...(there?.messages ?? []), ...messages.filter(({ id }) => !known.has(id))])
        this.#messages.set(message.id, message);
      if (there === null) {
        added.conversations += 1;
        await this.saveDraft(conversation.id, draft);
      } else {
        added.messages += messages.filter(({ id }) => !known.has(id)).length;
      }
    }
    this.#listeners.tell({ kind: "added", own: true });
    return added;
  }

  leave(): void {}

  stay(): void {}

  stop(): void {}

  onEvent(listener: (event: ChatEvent) => void): () => void {
    return this.#listeners.add(listener);
  }
}
