// Conversations in IndexedDB, and word of every change to the other tabs. Messages are stored node by node, and a node that
// another tab has changed meanwhile is not overwritten: two tabs never lose each other's words.

import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { readConversation, readDrafts, readStored } from "./chat_check";
import {
  type Added,
  type ChatChange,
  type ChatEvent,
  type ChatStore,
  type Conflicts,
  type Drafts,
  isBlank,
  Listeners,
  MemoryStore,
  NEW_CHAT,
  type StoredChat,
} from "./chat_store";
import { type Conversation, isOpen, type Message } from "./messages";
import { nextTask } from "./ticks";

interface StoredDraft extends Drafts {
  conversation: string;
}

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation; indexes: { updated: number } };
  messages: { key: string; value: Message; indexes: { conversation: string } };
  drafts: { key: string; value: StoredDraft };
}

type Stores = ("conversations" | "messages" | "drafts")[];

const DATABASE = "parley";
const VERSION = 2; // 1: one conversation on show, the others out of reach
const CHANNEL = "parley.chats";
/** In sessionStorage: a StoredChat, from pagehide until the next page has written it into the database. */
const LEFT = "parley.left";

const revisionOf = ({ revision = 0 }: Message) => revision;

class DatabaseStore implements ChatStore {
  readonly access = "full";
  readonly #database: IDBPDatabase<Schema>;
  readonly #channel: BroadcastChannel | null;
  readonly #listeners = new Listeners();

  constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
    this.#channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(CHANNEL) : null;
    // Only our own code on our own origin can say anything here.
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<ChatEvent>) => {
      this.#listeners.tell({ ...data, own: false });
    });
  }

  async list(): Promise<Conversation[]> {
    return (await this.#database.getAll("conversations")).flatMap(readConversation);
  }

  async read(id: string): Promise<StoredChat | null> {
    const rows = await rowsOf(this.#database.transaction(["conversations", "messages", "drafts"]), id);
    await nextTask(); // to fetch a long conversation and to check it are two tasks
    return readStored(...rows);
  }

  async readDraft(id: string): Promise<Drafts> {
    return readDrafts(await this.#database.get("drafts", id));
  }

  async save({ conversation, part, messages, whole }: ChatChange): Promise<Conflicts> {
    const durability = messages.some(isOpen) ? "relaxed" : "strict";
    const transaction = this.#database.transaction(["conversations", "messages"], "readwrite", {
      durability,
    });
    return complete(transaction, async () => {
      const conversations = transaction.objectStore("conversations");
      const nodes = transaction.objectStore("messages");
      const stored = await conversations.get(conversation.id);
      const record = stored === undefined ? conversation : { ...stored, ...part };
      const conflicts: Message[] = [];
      const written: Message[] = [];
      await conversations.put(record);
      for (const message of stored === undefined ? whole() : messages) {
        const there = await nodes.get(message.id);
        if (there !== undefined && revisionOf(there) >= revisionOf(message)) {
          conflicts.push(there);
        } else {
          await nodes.put(message);
          written.push(message);
        }
      }
      await transaction.done;
      this.#tell({ kind: "saved", conversation: record, messages: written, own: true });
      return conflicts;
    });
  }

  async saveDraft(id: string, draft: Drafts): Promise<void> {
    if (isBlank(draft)) await this.#database.delete("drafts", id);
    else await this.#database.put("drafts", { conversation: id, ...draft });
  }

  async remove(id: string): Promise<StoredChat | null> {
    const transaction = this.#database.transaction(["conversations", "messages", "drafts"], "readwrite");
    return complete(transaction, async () => {
      const rows = await rowsOf(transaction, id);
      const nodes = transaction.objectStore("messages");
      const keys = await nodes.index("conversation").getAllKeys(id);
      await Promise.all([
        ...keys.map((key) => nodes.delete(key)),
        transaction.objectStore("conversations").delete(id),
        transaction.objectStore("drafts").delete(id),
      ]);
      await transaction.done;
      this.#tell({ kind: "removed", conversation: id, own: true });
      return readStored(...rows);
    });
  }

  async add(chats: readonly StoredChat[]): Promise<Added> {
    const transaction = this.#database.transaction(["conversations", "messages", "drafts"], "readwrite");
    return complete(transaction, async () => {
      const added = { conversations: 0, messages: 0 };
      const nodes = transaction.objectStore("messages");
      for (const { conversation, messages, draft } of chats) {
        const stored = await transaction.objectStore("conversations").get(conversation.id);
        const known = new Set(await nodes.index("conversation").getAllKeys(conversation.id));
        const missing = messages.filter(({ id }) => !known.has(id));
        // A name that another conversation has is an error, which undoes the transaction.
        await Promise.all(missing.map((message) => nodes.add(message)));
        if (stored !== undefined) {
          added.messages += missing.length;
          continue;
        }
        added.conversations += 1;
        await transaction.objectStore("conversations").add(conversation);
        if (!isBlank(draft))
          await transaction.objectStore("drafts").put({ conversation: conversation.id, ...draft });
      }
      await transaction.done;
      this.#tell({ kind: "added", own: true });
      return added;
    });
  }

  leave(changed: StoredChat): void {
    try {
      sessionStorage.setItem(LEFT, JSON.stringify(changed));
    } catch {
      // Refused or full: what flush() began may still arrive.
    }
  }

  stay(): void {
    void takeLeft();
  }

  stop(reply: string): void {
    this.#channel?.postMessage({ kind: "stop", reply, own: true } satisfies ChatEvent);
  }

  onEvent(listener: (event: ChatEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Writes what the page before this one in this tab left behind. */
  async takeIn(): Promise<void> {
    const left = await takeLeft();
    if (left === null) return;
    const { conversation, messages, draft } = left;
    const stored = await this.read(conversation.id);
    if (stored === null && messages.length === 0) {
      await this.saveDraft(NEW_CHAT, draft);
      return;
    }
    const there = new Map(stored?.messages.map((message) => [message.id, message]));
    const newer = messages.filter((message) => {
      const before = there.get(message.id);
      return before === undefined || (isOpen(before) && message.content.length > before.content.length);
    });
    const { leaf, updated } = conversation;
    const part = newer.length > 0 && updated >= (stored?.conversation.updated ?? 0) ? { leaf, updated } : {};
    const raised = newer.map((message) => {
      const before = there.get(message.id);
      return before === undefined ? message : { ...message, revision: revisionOf(before) + 1 };
    });
    await this.save({ conversation, part, messages: raised, whole: () => raised });
    await this.saveDraft(conversation.id, draft);
  }

  #tell(event: ChatEvent): void {
    this.#channel?.postMessage(event);
    this.#listeners.tell(event);
  }
}

/** Runs `work`; when it fails, nothing of the transaction stays. */
async function complete<T>(
  transaction: Pick<IDBPTransaction<Schema, Stores, "readwrite">, "abort" | "done">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    transaction.done.catch(() => {}); // the same failure once more
    try {
      transaction.abort();
    } catch {
      // It has aborted itself.
    }
    throw error;
  }
}

/** What there is of a conversation, as it is stored. */
async function rowsOf(
  transaction: IDBPTransaction<Schema, Stores, "readonly" | "readwrite">,
  id: string,
): Promise<[unknown, unknown[], unknown]> {
  return Promise.all([
    transaction.objectStore("conversations").get(id),
    transaction.objectStore("messages").index("conversation").getAll(id),
    transaction.objectStore("drafts").get(id),
  ]);
}

/** What the page before this one left behind; it is there once. */
async function takeLeft(): Promise<StoredChat | null> {
  try {
    const left = sessionStorage.getItem(LEFT);
    sessionStorage.removeItem(LEFT);
    const data = JSON.parse(left ?? "null") as Partial<Record<keyof StoredChat, unknown>> | null;
    return Array.isArray(data?.messages) ? readStored(data.conversation, data.messages, data.draft) : null;
  } catch {
    return null; // refused, so that nothing was left there, or damaged
  }
}

/** Version 1 kept a conversation for every new chat, also of those in which nothing was ever said. */
async function fromVersion1(transaction: IDBPTransaction<Schema, Stores, "versionchange">): Promise<void> {
  const messages = transaction.objectStore("messages").index("conversation");
  const drafts = transaction.objectStore("drafts");
  for (
    let cursor = await transaction.objectStore("conversations").openCursor();
    cursor !== null;
    cursor = await cursor.continue()
  ) {
    const { value } = cursor;
    const said = (await messages.count(value.id)) > 0;
    const written = await drafts.get(value.id);
    if (said) {
      await cursor.update({ ...value, pinned: false });
      continue;
    }
    await cursor.delete();
    if (written === undefined) continue;
    await drafts.delete(value.id);
    await drafts.put({ ...written, conversation: NEW_CHAT });
  }
}

function openDatabase(onBlocked: () => void): Promise<IDBPDatabase<Schema>> {
  return openDB<Schema>(DATABASE, VERSION, {
    async upgrade(opened, before, _now, transaction) {
      if (before === 0) {
        opened.createObjectStore("conversations", { keyPath: "id" }).createIndex("updated", "updated");
        opened.createObjectStore("messages", { keyPath: "id" }).createIndex("conversation", "conversation");
        opened.createObjectStore("drafts", { keyPath: "conversation" });
      }
      if (before === 1) {
        transaction.done.catch(() => {}); // openDB says it
        await fromVersion1(transaction as IDBPTransaction<Schema, Stores, "versionchange">).catch(() => {
          transaction.abort(); // which makes openDB fail, and leaves version 1 as it was
        });
      }
    },
    blocked: onBlocked,
    // A later version in another tab must not wait for this one.
    blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
  });
}

const BUSY_MS = 5000; // how long a database that another browser process still holds is waited for
const AGAIN_MS = 250;

/**
 * Opens the database, brought to this version. A browser that refuses (private windows, blocked cookies) gets a store that
 * lasts as long as the page; a database that cannot be brought to this version, or is of a later one, one that can be read.
 * `onBlocked`: another tab with an earlier version keeps the database; it goes on when that tab is closed.
 */
export async function openChatStore(onBlocked: () => void = () => {}): Promise<ChatStore> {
  for (const until = Date.now() + BUSY_MS; ; ) {
    try {
      const store = new DatabaseStore(await openDatabase(onBlocked));
      await store
        .takeIn()
        .catch((error: unknown) => console.error("What was left could not be stored:", error));
      return store;
    } catch (error) {
      // What Chromium answers while a browser that was killed has not quite let go of the files.
      const busy = error instanceof DOMException && error.name === "UnknownError";
      if (!busy || Date.now() > until) return openAsItIs();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

async function openAsItIs(): Promise<ChatStore> {
  try {
    const database = await openDB<Schema>(DATABASE, undefined, {
      upgrade: (_opened, _before, _now, transaction) => transaction.abort(), // there is none, and shall be none
    });
    const stores = [...database.objectStoreNames];
    if ((["conversations", "messages", "drafts"] as const).every((name) => stores.includes(name)))
      return new MemoryStore(new DatabaseStore(database));
    database.close();
  } catch {
    // Refused altogether.
  }
  return new MemoryStore();
}
