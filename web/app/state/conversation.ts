// The conversation on show: its tree of messages, the reply being written, what is in the composer, and how much of the
// context is used. Storing is left to chat_store.ts, the model to the engine, words to i18n/.

import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChatCompletionChunk, ChatMessage, Engine, ParleyDetails } from "../../engine/types";
import type { ChatStore, StoredChat } from "./chat_store";
import { newId } from "./ids";
import {
  type Conversation,
  familyKey,
  isOpen,
  isReply,
  type Message,
  newestLeaf,
  pathTo,
  type ReplyDetails,
  type ReplyMessage,
  type ReplyState,
  titleFrom,
  type UserMessage,
} from "./messages";
import { failureFrom, isAbort, type ModelState } from "./model";
import { requestParams } from "./options";
import type { PreferencesState } from "./preferences";

export interface ContextUse {
  used: number; // tokens, the draft included while one is being written
  total: number;
}

/** The reply being written; `text` is all of it so far. */
export interface LiveReply {
  id: string;
  text: string;
}

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
  readonly persistent: boolean;
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
}

export interface ConversationParts {
  engine: Engine;
  model: ModelState;
  modelId: string;
  preferences: PreferencesState;
  store: ChatStore;
  stored: StoredChat | null;
  /** Called when the first reply of the visit is finished: the moment to ask for lasting storage. */
  onFirstReply?: () => void;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

const SAVE_MS = 500; // a crash loses at most this much of a reply
const DRAFT_MS = 300;
const COUNT_MS = 200;

function newConversation(system: string): Conversation {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, leaf: null, system };
}

/** Five digits: enough for replies to differ, and short enough to read out. */
function drawSeed(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random % 100_000;
}

function cutOff(message: Message): ReplyState {
  return message.content === "" ? "waiting" : "interrupted";
}

function detailsFrom(details: ParleyDetails, model: string, tokens: number | null): ReplyDetails {
  return {
    model,
    tokens,
    tokensPerSecond: details.timings.predicted_per_second,
    seed: details.options.seed,
    contextUsed: details.context.used,
    contextTotal: details.context.total,
    options: details.options,
  };
}

export function createConversation(parts: ConversationParts): ConversationState {
  const { engine, model, preferences, store } = parts;
  const conversation = signal<Conversation>(parts.stored?.conversation ?? newConversation(""));
  const messages = signal<ReadonlyMap<string, Message>>(new Map());
  const live = signal<LiveReply | null>(null);
  const draft = signal(parts.stored?.draft ?? "");
  const context = signal<ContextUse | null>(null);
  const dropped = signal<ReadonlySet<string>>(new Set());
  let running: AbortController | null = null;
  let unsaved: Timer; // timer of the next write of a partial reply
  let hadReply = false;

  const path = computed(() => pathTo(conversation.value.leaf, messages.value));
  const busy = computed(() => {
    const last = path.value.at(-1);
    return last !== undefined && isOpen(last);
  });

  // A reply that a reload or a crash cut off is whole as far as it goes; without a word it is written again.
  messages.value = new Map(
    (parts.stored?.messages ?? []).map((message) => [
      message.id,
      isReply(message) && message.state === "streaming" ? { ...message, state: cutOff(message) } : message,
    ]),
  );

  const families = computed(() => {
    const found = new Map<string, Message[]>();
    for (const message of messages.value.values()) {
      const key = familyKey(message);
      const family = found.get(key);
      if (family === undefined) found.set(key, [message]);
      else family.push(message);
    }
    for (const family of found.values()) family.sort((a, b) => a.created - b.created);
    return found;
  });

  function put(...changed: Message[]): void {
    const next = new Map(messages.peek());
    for (const message of changed) next.set(message.id, message);
    messages.value = next;
  }

  function save(changed: readonly Message[]): void {
    void store.save(conversation.peek(), changed).catch((error: unknown) => {
      console.error("The conversation could not be stored:", error);
    });
  }

  /** The stored form of a message: a reply being written has the text that is on the screen. */
  function current(id: string): Message | undefined {
    const message = messages.peek().get(id);
    const text = live.peek();
    return message !== undefined && text?.id === id ? { ...message, content: text.text } : message;
  }

  function change(id: string, part: Partial<Omit<ReplyMessage, "role" | "id">>): ReplyMessage | null {
    const message = current(id);
    if (message === undefined || !isReply(message)) return null;
    const changed = { ...message, ...part };
    put(changed);
    return changed;
  }

  function touch(part: Partial<Conversation>): void {
    conversation.value = { ...conversation.peek(), ...part, updated: Date.now() };
  }

  function requestMessages(upTo: string | null): { sent: ChatMessage[]; ids: string[] } {
    const sent: ChatMessage[] = [];
    const ids: string[] = [];
    const { system } = conversation.peek();
    if (system.trim() !== "") {
      sent.push({ role: "system", content: system });
      ids.push("");
    }
    for (const message of pathTo(upTo, messages.peek())) {
      if (message.content === "") continue;
      sent.push({ role: message.role, content: message.content });
      ids.push(message.id);
    }
    return { sent, ids };
  }

  function setDropped(flags: readonly boolean[], ids: readonly string[]): void {
    const next = new Set(ids.filter((id, index) => id !== "" && flags[index] === true));
    const before = dropped.peek();
    if (next.size !== before.size || [...next].some((id) => !before.has(id))) dropped.value = next;
  }

  function scheduleSave(id: string): void {
    if (unsaved !== undefined) return;
    unsaved = setTimeout(() => {
      unsaved = undefined;
      const message = current(id);
      if (message !== undefined) save([message]);
    }, SAVE_MS);
  }

  function settle(id: string, part: Partial<Omit<ReplyMessage, "role" | "id">>): void {
    clearTimeout(unsaved);
    unsaved = undefined;
    batch(() => {
      const message = change(id, part);
      if (live.peek()?.id === id) live.value = null;
      touch({});
      if (message !== null) save([message]);
    });
  }

  async function consume(stream: AsyncIterable<ChatCompletionChunk>, id: string, mine: AbortController) {
    let last: ChatCompletionChunk | null = null;
    for await (const chunk of stream) {
      if (mine.signal.aborted) return null;
      const text = chunk.choices[0]?.delta.content ?? "";
      const before = live.peek();
      if (text !== "" && before?.id === id) {
        live.value = { id, text: before.text + text };
        scheduleSave(id);
      }
      last =
        chunk.choices[0]?.finish_reason != null || chunk.parley !== undefined ? merge(last, chunk) : last;
    }
    return last;
  }

  function merge(before: ChatCompletionChunk | null, chunk: ChatCompletionChunk): ChatCompletionChunk {
    if (before === null) return chunk;
    return { ...before, ...chunk, choices: chunk.choices.length > 0 ? chunk.choices : before.choices };
  }

  /** Writes the reply `id`, from its text so far on; `ignoreSeed` draws a new one. */
  async function write(id: string, ignoreSeed: boolean): Promise<void> {
    const reply = messages.peek().get(id);
    if (reply === undefined || !isReply(reply)) return;
    const mine = new AbortController();
    running = mine;
    const before = reply.content === "" ? 0 : (reply.details?.tokens ?? null); // null: stopped before it was counted
    const { sent, ids } = requestMessages(id);
    batch(() => {
      live.value = { id, text: reply.content };
      const { failure: _old, ...rest } = reply;
      const started: ReplyMessage = { ...rest, state: "streaming" };
      put(started);
      save([started]);
    });
    const params = requestParams(preferences.overrides(parts.modelId));
    if (ignoreSeed || params.seed === undefined) params.seed = drawSeed();
    try {
      const stream = await engine.chat.completions.create(
        { ...params, messages: sent, stream: true, stream_options: { include_usage: true } },
        { signal: mine.signal },
      );
      const last = await consume(stream, id, mine);
      if (mine.signal.aborted) return; // stop() has settled it
      running = null;
      finish(id, last, before, ids);
    } catch (error) {
      if (mine.signal.aborted) return;
      running = null;
      settle(id, isAbort(error) ? { state: "stopped" } : failed(id, error));
    }
  }

  function failed(id: string, error: unknown): Partial<ReplyMessage> {
    const failure = failureFrom(error);
    const hasText = (current(id)?.content ?? "") !== "";
    return hasText ? { state: "interrupted", failure } : { state: "failed", failure };
  }

  function finish(
    id: string,
    last: ChatCompletionChunk | null,
    before: number | null,
    ids: readonly string[],
  ): void {
    const written = last?.usage?.completion_tokens ?? last?.parley?.ids.length ?? 0;
    const tokens = before === null ? null : before + written;
    const state = last?.choices[0]?.finish_reason === "length" ? "cut" : "done";
    const details = last?.parley === undefined ? undefined : detailsFrom(last.parley, last.model, tokens);
    batch(() => {
      settle(id, details === undefined ? { state } : { state, details });
      if (last?.parley !== undefined) {
        context.value = { used: last.parley.context.used, total: last.parley.context.total };
        setDropped(last.parley.dropped_messages, ids);
      }
    });
    if (!hadReply) parts.onFirstReply?.();
    hadReply = true;
  }

  function emptyReply(parent: string): ReplyMessage {
    return {
      id: newId(),
      conversation: conversation.peek().id,
      parent,
      role: "assistant",
      content: "",
      created: Date.now(),
      state: "waiting",
    };
  }

  /** Shows `reply` as waiting; the effect below starts it as soon as the model is ready. */
  function open(reply: ReplyMessage, others: readonly Message[] = []): void {
    batch(() => {
      put(...others, reply);
      touch({ leaf: reply.id });
      save([...others, reply]);
    });
  }

  const fresh = new Set<string>(); // replies whose seed is drawn anew
  effect(() => {
    const last = path.value.at(-1);
    if (model.phase.value.phase !== "ready" || last === undefined || running !== null) return;
    if (isReply(last) && last.state === "waiting") void write(last.id, fresh.delete(last.id));
  });

  if (parts.stored === null) save([]); // so that a draft has a conversation to come back with

  // Drafts survive a reload.
  let draftTimer: Timer;
  const saveDraft = () => {
    clearTimeout(draftTimer);
    draftTimer = undefined;
    void store.saveDraft(conversation.peek().id, draft.peek()).catch(() => {});
  };
  let firstDraft = true;
  effect(() => {
    draft.value;
    if (!firstDraft && draftTimer === undefined) draftTimer = setTimeout(saveDraft, DRAFT_MS);
    firstDraft = false;
  });

  // The context meter: one count at a time, the newest question last. While a reply is written the engine is busy with
  // it, and the reply's own figures follow.
  let counting = false;
  let countTimer: Timer;
  async function count(): Promise<void> {
    const { sent, ids } = requestMessages(conversation.peek().leaf);
    const text = draft.peek();
    if (text.trim() !== "") {
      sent.push({ role: "user", content: text });
      ids.push("");
    }
    if (sent.length === 0) {
      const total = model.info.peek()?.context ?? 0;
      context.value = total > 0 ? { used: 0, total } : null;
      dropped.value = new Set();
      return;
    }
    const result = await engine.countTokens(sent);
    if (busy.peek()) return;
    batch(() => {
      context.value = { used: result.tokens, total: result.context };
      setDropped(result.dropped, ids);
    });
  }
  function recount(): void {
    clearTimeout(countTimer);
    countTimer = setTimeout(async () => {
      if (counting || busy.peek() || model.phase.peek().phase !== "ready") return;
      counting = true;
      const asked = draft.peek();
      await count().catch(() => {}); // the meter keeps its last figures; sending says what is wrong
      counting = false;
      if (draft.peek() !== asked) recount();
    }, COUNT_MS);
  }
  effect(() => {
    draft.value;
    path.value;
    conversation.value.system;
    if (model.phase.value.phase === "ready" && !busy.value) recount();
  });

  function stop(): void {
    const last = path.peek().at(-1);
    if (last === undefined || !isOpen(last)) return;
    const mine = running;
    running = null;
    mine?.abort();
    settle(last.id, { state: "stopped" });
  }

  return {
    conversation,
    path,
    live,
    busy,
    draft,
    context,
    dropped,
    persistent: store.persistent,
    versions: (message) => families.value.get(familyKey(message)) ?? [message],
    send(text) {
      if (busy.peek() || text.trim() === "") return;
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
        draft.value = "";
        if (title === "") touch({ title: titleFrom(text) });
        open(emptyReply(said.id), [said]);
      });
      saveDraft();
    },
    stop,
    regenerate(replyId) {
      const reply = messages.peek().get(replyId);
      if (busy.peek() || reply === undefined || !isReply(reply) || reply.parent === null) return;
      // A reply without a word is written again in its place; any other stays as a version.
      const again =
        reply.content === "" ? { ...emptyReply(reply.parent), id: reply.id } : emptyReply(reply.parent);
      fresh.add(again.id);
      open(again);
    },
    continueReply() {
      const last = path.peek().at(-1);
      if (busy.peek() || last === undefined || !isReply(last)) return;
      open({ ...last, state: "waiting" });
    },
    takeBack() {
      const said = path.peek().findLast((message) => !isReply(message));
      if (busy.peek() || said === undefined) return;
      batch(() => {
        draft.value = said.content;
        touch({ leaf: said.parent });
        save([]);
      });
    },
    showVersion(id) {
      if (busy.peek()) return;
      touch({ leaf: newestLeaf(id, messages.peek()) });
      save([]);
    },
    setSystem(text) {
      touch({ system: text });
      save([]);
    },
    newChat() {
      stop();
      if (path.peek().length === 0) return;
      saveDraft();
      batch(() => {
        conversation.value = newConversation(conversation.peek().system);
        messages.value = new Map();
        save([]);
        draft.value = "";
        dropped.value = new Set();
        context.value = null;
      });
    },
    flush() {
      if (draftTimer !== undefined) saveDraft();
      const text = live.peek();
      const message = text === null ? undefined : current(text.id);
      if (message !== undefined) save([message]);
    },
  };
}
