// All conversations: the list, the one on show, and what is done to a conversation as a whole. A conversation that is left
// while its reply is on its way lives on until the reply is there. Inside of one, conversation.ts takes over.

import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Engine } from "../../engine/types";
import type { Access, Added, ChatEvent, ChatStore, Drafts, StoredChat } from "./chat_store";
import { NEW_CHAT, NO_DRAFT } from "./chat_store";
import { type ConversationState, createConversation } from "./conversation";
import { byRecency, type Conversation, isEmpty, titleFrom } from "./messages";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import type { Tab } from "./tab";
import { newConversation } from "./thread";
import { nextTask } from "./ticks";

export interface ChatsState {
  readonly access: Access;
  /** Those in which something was said: pinned ones first, then those changed last. */
  readonly list: ReadonlySignal<readonly Conversation[]>;
  readonly current: ReadonlySignal<ConversationState>;
  /** Conversations with a reply on its way. */
  readonly busy: ReadonlySignal<ReadonlySet<string>>;
  /** The conversation that was deleted last, while that can be undone. */
  readonly removed: ReadonlySignal<Conversation | null>;
  /** The message to bring into sight, until somebody has. */
  readonly sought: Signal<string | null>;
  /** Shows a conversation, with `message` in sight. */
  show(id: string, message?: string): Promise<void>;
  /** Shows a new conversation at once; resolves when the draft that was kept for it is in its field. */
  startNew(): Promise<void>;
  rename(id: string, title: string): void;
  pin(id: string, pinned: boolean): void;
  remove(id: string): Promise<void>;
  undoRemove(): Promise<void>;
  /** Gives the undo up. */
  forgetRemoved(): void;
  /** One conversation as it is now. */
  read(id: string): Promise<StoredChat | null>;
  /** Adds what is missing of these, all or nothing. */
  add(chats: readonly StoredChat[]): Promise<Added>;
  /** The page may be going away. */
  flush(): void;
  leave(): void;
  /** The page did not go away. */
  stay(): void;
  /** Stops everything; nothing is stored any more. */
  close(): void;
}

export interface ChatsParts {
  engine: Engine;
  model: ModelState;
  preferences: PreferencesState;
  store: ChatStore;
  tab: Tab;
  /** The first reply of the visit is finished: the moment to ask for lasting storage. */
  onFirstReply?: () => void;
  /** Remembers which conversation this tab shows over a reload. */
  session?: Pick<Storage, "getItem" | "setItem"> | null;
}

const SHOWN = "parley.shown"; // in sessionStorage

function tabStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null; // refused
  }
}

/** Opens the conversation that this tab showed last; in a new tab, the one that was changed last. */
export async function openChats(parts: ChatsParts): Promise<ChatsState> {
  const { store, tab, session = tabStorage() } = parts;
  const stored = await store.list().catch((): Conversation[] => []);
  const newest = stored.filter((one) => !isEmpty(one)).sort((a, b) => b.updated - a.updated)[0];
  const id = session?.getItem(SHOWN) ?? newest?.id;
  const chat = id === undefined ? null : await store.read(id).catch(() => null);
  await nextTask(); // to read and to draw a long conversation are two tasks
  const isNew = chat === null || isEmpty(chat.conversation);
  const draft = isNew ? await store.readDraft(NEW_CHAT).catch(() => undefined) : undefined;
  return new Chats({ ...parts, session }, stored, chat ?? newConversation(""), draft, await tab.open());
}

class Chats implements ChatsState {
  readonly access: Access;
  readonly list: ReadonlySignal<readonly Conversation[]>;
  readonly current: Signal<ConversationState>;
  readonly busy: ReadonlySignal<ReadonlySet<string>>;
  readonly removed: ReadonlySignal<Conversation | null>;
  readonly sought: Signal<string | null> = signal(null);
  readonly #parts: ChatsParts;
  readonly #stored: Signal<ReadonlyMap<string, Conversation>>;
  /** Those in memory: the one on show, and others that are not finished. */
  readonly #alive: Signal<ReadonlyMap<string, ConversationState>>;
  readonly #removed: Signal<StoredChat | null> = signal(null);
  readonly #stopListening: () => void;
  #asked = 0; // counts what was asked to be shown; the last one is
  #hadReply = false;

  constructor(
    parts: ChatsParts,
    stored: readonly Conversation[],
    first: StoredChat | Conversation,
    draft: Drafts | undefined,
    open: ReadonlySet<string>,
  ) {
    this.#parts = parts;
    this.access = parts.store.access;
    this.#stored = signal(new Map(stored.map((one) => [one.id, one])));
    const current = this.#create(first, open, draft);
    this.current = signal(current);
    this.#alive = signal(new Map([[current.conversation.peek().id, current]]));
    this.list = computed(() => {
      const all = new Map(this.#stored.value);
      for (const [id, { conversation }] of this.#alive.value) all.set(id, conversation.value);
      return [...all.values()].filter((one) => !isEmpty(one)).sort(byRecency);
    });
    this.busy = computed(
      () => new Set([...this.#alive.value].flatMap(([id, { busy }]) => (busy.value ? [id] : []))),
    );
    this.removed = computed(() => this.#removed.value?.conversation ?? null);
    this.#stopListening = parts.store.onEvent((event) => this.#onEvent(event));
    this.#remember();
  }

  async show(id: string, message?: string): Promise<void> {
    this.forgetRemoved();
    const asked = ++this.#asked;
    const state = this.#alive.peek().get(id) ?? (await this.#load(id));
    if (state === null || asked !== this.#asked) return;
    batch(() => {
      this.#switchTo(state);
      if (message !== undefined) state.reveal(message);
      this.sought.value = message ?? null;
    });
  }

  async startNew(): Promise<void> {
    this.forgetRemoved();
    const current = this.current.peek();
    if (isEmpty(current.conversation.peek())) return;
    this.#asked += 1;
    current.flush();
    const { system } = current.conversation.peek();
    const next = this.#create(newConversation(system), new Set());
    this.#switchTo(next);
    next.recall(await this.#parts.store.readDraft(NEW_CHAT).catch(() => NO_DRAFT));
  }

  rename(id: string, title: string): void {
    const name = titleFrom(title);
    if (name !== "") this.#change(id, { title: name });
  }

  pin(id: string, pinned: boolean): void {
    this.#change(id, { pinned });
  }

  async remove(id: string): Promise<void> {
    const alive = this.#alive.peek().get(id);
    const place = this.list.peek().findIndex((one) => one.id === id);
    alive?.stop();
    const asIs = alive?.snapshot() ?? null;
    alive?.dispose({ keepDraft: false });
    const removed = await this.#parts.store.remove(id);
    batch(() => {
      this.#removed.value = removed ?? asIs;
      this.#forget(id);
    });
    if (this.current.peek() !== alive) return;
    const next = this.list.peek()[Math.min(place, this.list.peek().length - 1)];
    const state =
      next === undefined ? null : (this.#alive.peek().get(next.id) ?? (await this.#load(next.id)));
    this.#switchTo(state ?? this.#create(newConversation(""), new Set()));
  }

  async undoRemove(): Promise<void> {
    const removed = this.#removed.peek();
    if (removed === null) return;
    await this.#parts.store.add([removed]);
    this.#removed.value = null;
    await this.show(removed.conversation.id);
  }

  forgetRemoved(): void {
    this.#removed.value = null;
  }

  async read(id: string): Promise<StoredChat | null> {
    return this.#alive.peek().get(id)?.snapshot() ?? this.#parts.store.read(id);
  }

  add(chats: readonly StoredChat[]): Promise<Added> {
    return this.#parts.store.add(chats);
  }

  flush(): void {
    for (const state of this.#alive.peek().values()) state.flush();
  }

  leave(): void {
    // One conversation can be left for the next page: the one whose reply is on its way, else the one on show.
    const writing = [...this.#alive.peek().values()].find((state) => state.live.peek() !== null);
    (writing ?? this.current.peek()).leave();
    this.flush();
  }

  stay(): void {
    this.#parts.store.stay();
  }

  close(): void {
    this.#stopListening();
    for (const state of this.#alive.peek().values()) state.dispose({ keepDraft: false });
  }

  #create(
    stored: StoredChat | Conversation,
    open: ReadonlySet<string>,
    draft?: Drafts | undefined,
  ): ConversationState {
    const onReply = () => {
      if (!this.#hadReply) this.#parts.onFirstReply?.();
      this.#hadReply = true;
    };
    return createConversation({
      ...this.#parts,
      stored,
      open,
      onReply,
      ...(draft !== undefined && { draft }),
    });
  }

  async #load(id: string): Promise<ConversationState | null> {
    const stored = await this.#parts.store.read(id).catch(() => null);
    if (stored === null) return null;
    await nextTask(); // to read and to draw a long conversation are two tasks
    const open = await this.#parts.tab.open();
    return this.#alive.peek().get(id) ?? this.#create(stored, open);
  }

  #switchTo(next: ConversationState): void {
    const before = this.current.peek();
    if (before === next) return;
    batch(() => {
      this.#alive.value = new Map(this.#alive.peek()).set(next.conversation.peek().id, next);
      this.current.value = next;
    });
    this.#remember();
    this.#release(before);
  }

  /** Lets go of a conversation once nothing in it is on its way, and unless this is its only place. */
  #release(state: ConversationState): void {
    const { id } = state.conversation.peek();
    if (this.#alive.peek().get(id) !== state) return;
    if (isEmpty(state.conversation.peek())) {
      state.dispose({ keepDraft: true });
      this.#forget(id);
      this.#parts.store.remove(id).catch(() => {}); // where a system text was written but nothing said
      return;
    }
    let end = () => {};
    end = effect(() => {
      if (state.busy.value || !(state.persistent.value || this.access !== "full")) return;
      queueMicrotask(() => {
        end();
        if (this.current.peek() === state || state.busy.peek() || this.#alive.peek().get(id) !== state)
          return;
        state.dispose({ keepDraft: true });
        const alive = new Map(this.#alive.peek());
        alive.delete(id);
        batch(() => {
          this.#stored.value = new Map(this.#stored.peek()).set(id, state.conversation.peek());
          this.#alive.value = alive;
        });
      });
    });
  }

  #change(id: string, part: Partial<Conversation>): void {
    const alive = this.#alive.peek().get(id);
    const conversation = this.#stored.peek().get(id);
    if (alive !== undefined) {
      alive.change(part);
    } else if (conversation !== undefined) {
      const changed = { ...conversation, ...part };
      void this.#parts.store.save({ conversation: changed, part, messages: [], whole: () => [] });
    }
  }

  #forget(id: string): void {
    const alive = new Map(this.#alive.peek());
    const stored = new Map(this.#stored.peek());
    alive.delete(id);
    stored.delete(id);
    batch(() => {
      this.#alive.value = alive;
      this.#stored.value = stored;
    });
  }

  #onEvent(event: ChatEvent): void {
    switch (event.kind) {
      case "saved":
        this.#stored.value = new Map(this.#stored.peek()).set(event.conversation.id, event.conversation);
        if (!event.own)
          this.#alive.peek().get(event.conversation.id)?.receive(event.conversation, event.messages);
        return;
      case "removed":
        if (!event.own) this.#onRemoved(event.conversation);
        return;
      case "added":
        void this.#parts.store.list().then((all) => {
          this.#stored.value = new Map(all.map((one) => [one.id, one]));
        });
        return;
      case "stop":
        for (const state of this.#alive.peek().values()) {
          if (state.path.peek().at(-1)?.id === event.reply) state.stop();
        }
    }
  }

  /** Another tab has deleted it. What was being written here goes on in a new one. */
  #onRemoved(id: string): void {
    const state = this.#alive.peek().get(id);
    const draft = state?.draft.peek() ?? "";
    state?.dispose({ keepDraft: false });
    this.#forget(id);
    if (state === undefined || state !== this.current.peek()) return;
    this.#switchTo(
      this.#create(newConversation(state.conversation.peek().system), new Set(), { text: draft }),
    );
  }

  #remember(): void {
    try {
      this.#parts.session?.setItem(SHOWN, this.current.peek().conversation.peek().id);
    } catch {
      // Refused or full: a reload shows the conversation that was changed last.
    }
  }
}
