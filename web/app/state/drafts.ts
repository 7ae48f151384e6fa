// What stands in a conversation's fields and is not sent: the next message, and a message that is being edited. Kept with
// the conversation until it is sent.

import { effect, type Signal, signal } from "@preact/signals";
import { type ChatStore, type Drafts, isBlank, NEW_CHAT, NO_DRAFT } from "./chat_store";
import { isEmpty } from "./messages";
import type { Thread } from "./thread";

const SAVE_MS = 300;

export class Draft {
  readonly text: Signal<string>;
  readonly editing: Signal<Drafts["editing"] | null>;
  readonly #store: ChatStore;
  readonly #thread: Thread;
  readonly #end: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #keptAs: string | null = null; // the name that it is stored under

  constructor(store: ChatStore, thread: Thread, stored: Drafts) {
    this.#store = store;
    this.#thread = thread;
    this.text = signal(stored.text);
    this.editing = signal(stored.editing ?? null);
    if (!isBlank(stored)) this.#keptAs = this.#name();
    let first = true;
    this.#end = effect(() => {
      this.text.value;
      this.editing.value;
      if (!first) this.#timer ??= setTimeout(() => this.save(), SAVE_MS);
      first = false;
    });
  }

  peek(): Drafts {
    const editing = this.editing.peek();
    return { text: this.text.peek(), ...(editing !== null && { editing }) };
  }

  recall(kept: Drafts): void {
    // Once something was said, what was kept waits for the next new conversation.
    if (isBlank(kept) || this.#name() !== NEW_CHAT) return;
    this.#keptAs = NEW_CHAT;
    this.text.value = kept.text + this.text.peek();
  }

  save(): void {
    this.#forgetTimer();
    const draft = this.peek();
    const name = this.#name();
    const before = this.#keptAs;
    this.#keptAs = isBlank(draft) ? null : name;
    const writes = [this.#store.saveDraft(name, draft)];
    if (before !== null && before !== name) writes.push(this.#store.saveDraft(before, NO_DRAFT));
    for (const write of writes) write.catch(() => {}); // the text is still in the field
  }

  flush(): void {
    if (this.#timer !== undefined) this.save();
  }

  dispose(): void {
    this.#end();
    this.#forgetTimer();
  }

  #name(): string {
    const conversation = this.#thread.conversation.peek();
    return isEmpty(conversation) ? NEW_CHAT : conversation.id;
  }

  #forgetTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
