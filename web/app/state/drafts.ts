// What stands in the composer, kept with its conversation until it is sent.

import { effect, type Signal, signal } from "@preact/signals";
import type { ChatStore } from "./chat_store";
import type { Thread } from "./thread";

const SAVE_MS = 300;

export class Draft {
  readonly text: Signal<string>;
  readonly #store: ChatStore;
  readonly #thread: Thread;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: ChatStore, thread: Thread, text: string) {
    this.#store = store;
    this.#thread = thread;
    this.text = signal(text);
    let first = true;
    effect(() => {
      this.text.value;
      if (!first) this.#timer ??= setTimeout(() => this.save(), SAVE_MS);
      first = false;
    });
  }

  save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { id } = this.#thread.conversation.peek();
    void this.#store.saveDraft(id, this.text.peek()).catch(() => {}); // the text is still in the field
  }

  flush(): void {
    if (this.#timer !== undefined) this.save();
  }
}
