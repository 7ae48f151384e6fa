// Keeps conversations, their messages and unsent drafts: in IndexedDB, or in memory where the browser refuses that.
// What they mean is left to conversation.ts.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Conversation, Message } from "./messages";

export interface StoredChat {
  conversation: Conversation;
  messages: Message[];
  draft: string;
}

export interface ChatStore {
  /** False when nothing outlives the page. */
  readonly persistent: boolean;
  /** The conversation that was changed last. */
  newest(): Promise<StoredChat | null>;
  /** Everything or nothing: the messages, and the conversation that points at them. */
  save(conversation: Conversation, messages: readonly Message[]): Promise<void>;
  saveDraft(conversation: string, text: string): Promise<void>;
  /** Keeps what changed last for the next page in this tab, at once: a page that goes away has no time for IndexedDB. */
  leave(changed: StoredChat): void;
}

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation; indexes: { updated: number } };
  messages: { key: string; value: Message; indexes: { conversation: string } };
  drafts: { key: string; value: { conversation: string; text: string } };
}

const DATABASE = "parley";
const VERSION = 1;
/** In sessionStorage: a StoredChat, from pagehide until the next page has written it into the database. */
const LEFT = "parley.left";

class IndexedDbStore implements ChatStore {
  readonly persistent = true;

  constructor(private readonly database: IDBPDatabase<Schema>) {}

  async newest(): Promise<StoredChat | null> {
    await this.#takeIn();
    const transaction = this.database.transaction(["conversations", "messages", "drafts"]);
    const cursor = await transaction.objectStore("conversations").index("updated").openCursor(null, "prev");
    if (cursor === null) return null;
    const conversation = cursor.value;
    const messages = await transaction.objectStore("messages").index("conversation").getAll(conversation.id);
    const draft = await transaction.objectStore("drafts").get(conversation.id);
    return { conversation, messages, draft: draft?.text ?? "" };
  }

  async save(conversation: Conversation, messages: readonly Message[]): Promise<void> {
    const transaction = this.database.transaction(["conversations", "messages"], "readwrite");
    const writes: Promise<unknown>[] = messages.map((message) =>
      transaction.objectStore("messages").put(message),
    );
    writes.push(transaction.objectStore("conversations").put(conversation), transaction.done);
    transaction.commit(); // without waiting for answers: the page may be going away
    await Promise.all(writes);
  }

  async saveDraft(conversation: string, text: string): Promise<void> {
    if (text === "") await this.database.delete("drafts", conversation);
    else await this.database.put("drafts", { conversation, text });
  }

  leave(changed: StoredChat): void {
    try {
      sessionStorage.setItem(LEFT, JSON.stringify(changed));
    } catch {
      // Refused or full: what flush() began may still arrive.
    }
  }

  async #takeIn(): Promise<void> {
    let left: string | null = null;
    try {
      left = sessionStorage.getItem(LEFT);
      sessionStorage.removeItem(LEFT);
    } catch {
      // Refused, so nothing was left there.
    }
    if (left === null) return;
    const { conversation, messages, draft } = JSON.parse(left) as StoredChat;
    const stored = await this.database.get("conversations", conversation.id);
    if (stored !== undefined && stored.updated > conversation.updated) return; // it went on after all
    await this.save(conversation, messages);
    await this.saveDraft(conversation.id, draft);
  }
}

class MemoryStore implements ChatStore {
  readonly persistent = false;

  async newest(): Promise<null> {
    return null;
  }

  async save(): Promise<void> {}

  async saveDraft(): Promise<void> {}

  leave(): void {}
}

/** Opens the database; a browser that refuses (private windows, blocked cookies) gets a store that keeps nothing. */
export async function openChatStore(): Promise<ChatStore> {
  try {
    const database = await openDB<Schema>(DATABASE, VERSION, {
      upgrade(created) {
        created.createObjectStore("conversations", { keyPath: "id" }).createIndex("updated", "updated");
        created.createObjectStore("messages", { keyPath: "id" }).createIndex("conversation", "conversation");
        created.createObjectStore("drafts", { keyPath: "conversation" });
      },
      // A later version in another tab must not wait for this one.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
    return new IndexedDbStore(database);
  } catch {
    return new MemoryStore();
  }
}
