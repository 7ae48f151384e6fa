// Searches conversations: their titles at once, then what was said in them, one conversation after another, so that the page
// stays quick however many there are.

import type { ChatsState } from "./chats";
import type { Conversation, Message } from "./messages";

/** A text with one part of it to be marked; `before` and `after` may be cut. */
export interface Marked {
  before: string;
  match: string;
  after: string;
}

export interface Hit {
  conversation: Conversation;
  title: Marked;
  /** The newest message with all the words, or null where the title has them. */
  message: { id: string; text: Marked } | null;
}

const AROUND = 60; // UTF-16 units on either side of a match

/** The words of a query, as they are compared. */
export function wordsOf(query: string): string[] {
  return fold(query)
    .split(/\s+/u)
    .filter((word) => word !== "");
}

/** Upper and lower case, and composed and decomposed letters, are the same. */
function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

function hasAll(text: string, words: readonly string[]): boolean {
  const folded = fold(text);
  return words.every((word) => folded.includes(word));
}

/** `text` with the first of the words marked, cut to `around` on either side. */
export function mark(text: string, words: readonly string[], around: number): Marked {
  const line = text.normalize("NFC").replace(/\s+/gu, " ");
  const folded = line.toLowerCase();
  const found = words.map((word) => ({ word, at: folded.indexOf(word) })).filter(({ at }) => at >= 0);
  const first = found.sort((a, b) => a.at - b.at)[0];
  // In a few languages a letter changes its length with its case; then places in `folded` say nothing about `line`.
  if (first === undefined || folded.length !== line.length)
    return { before: [...line].slice(0, around * 2).join(""), match: "", after: "" };
  const end = first.at + first.word.length;
  const from = Math.max(0, first.at - around);
  const to = Math.min(line.length, end + around);
  return {
    before: (from > 0 ? "…" : "") + line.slice(whole(line, from), first.at),
    match: line.slice(first.at, end),
    after: line.slice(end, whole(line, to)) + (to < line.length ? "…" : ""),
  };
}

/** The place, or the one after it where it is in the middle of a surrogate pair. */
function whole(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at + 1 : at;
}

/** Calls `found` for each conversation with all the words, those with a matching title first; stops when `signal` aborts. */
export async function search(
  chats: Pick<ChatsState, "list" | "read">,
  query: string,
  found: (hit: Hit) => void,
  signal: AbortSignal,
): Promise<void> {
  const words = wordsOf(query);
  const all = chats.list.peek();
  const titled = new Set(all.filter(({ title }) => hasAll(title, words)));
  const titleOf = (conversation: Conversation) => mark(conversation.title, words, Number.MAX_SAFE_INTEGER);
  for (const conversation of titled) found({ conversation, title: titleOf(conversation), message: null });
  for (const conversation of all) {
    if (titled.has(conversation)) continue;
    const messages = (await chats.read(conversation.id).catch(() => null))?.messages ?? [];
    if (signal.aborted) return;
    const message = newestWith(messages, words);
    if (message === undefined) continue;
    const text = mark(message.content, words, AROUND);
    found({ conversation, title: titleOf(conversation), message: { id: message.id, text } });
  }
}

function newestWith(messages: readonly Message[], words: readonly string[]): Message | undefined {
  return messages
    .filter(({ content }) => hasAll(content, words))
    .reduce<Message | undefined>(
      (newest, message) => (newest === undefined || message.created > newest.created ? message : newest),
      undefined,
    );
}
