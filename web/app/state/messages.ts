// What a conversation is made of: messages as a tree, each naming its parent. Storing and changing them is left to
// chat_store.ts and conversation.ts.

export interface Failure {
  code: string;
  message: string;
  bytes?: number; // of memory that was refused, or of storage to be freed
}

/** What is known about a finished reply, as its muted line shows it. */
export interface ReplyDetails {
  model: string;
  tokens: number | null; // null when part of it was stopped before it was counted
  tokensPerSecond: number;
  seed: number;
  contextUsed: number;
  contextTotal: number;
  options: Record<string, unknown>; // in effect; sent again they give the same text
  from?: number; // characters that stood before, where the reply was continued
}

/**
 * Where a reply stands. `waiting`: asked for before the model was ready. `interrupted`: the page or the worker went away
 * while it was being written. `cut`: it met its token limit or the end of the context.
 */
export type ReplyState = "waiting" | "streaming" | "done" | "cut" | "stopped" | "interrupted" | "failed";

interface MessageBase {
  id: string;
  conversation: string;
  parent: string | null;
  content: string;
  created: number; // milliseconds since 1970
  revision?: number; // how often it was stored again; a tab that does not know the newest must not overwrite it
}

export interface UserMessage extends MessageBase {
  role: "user";
  pinned?: boolean; // its exchange is never dropped to fit the context
}

export interface ReplyMessage extends MessageBase {
  role: "assistant";
  state: ReplyState;
  writer?: string; // the tab that writes it, while it is open
  edited?: boolean; // the user's words, put in place of the model's
  failure?: Failure;
  details?: ReplyDetails;
  tokens?: number[]; // its ids, as long as all of them are known
}

export type Message = UserMessage | ReplyMessage;

export interface Conversation {
  id: string;
  title: string; // empty until the first message
  created: number;
  updated: number;
  leaf: string | null; // the last message of the branch on show
  system: string;
  pinned: boolean; // stands first in the list
}

/** A conversation of which nothing has been said yet: it is in no list. */
export function isEmpty(conversation: Conversation): boolean {
  return conversation.title === "";
}

/** As lists have them: pinned ones first, then those changed last. */
export function byRecency(a: Conversation, b: Conversation): number {
  return Number(b.pinned) - Number(a.pinned) || b.updated - a.updated || (a.id < b.id ? -1 : 1);
}

export function isReply(message: Message): message is ReplyMessage {
  return message.role === "assistant";
}

/** A reply that still needs the model. */
export function isOpen(message: Message): boolean {
  return isReply(message) && (message.state === "waiting" || message.state === "streaming");
}

/** One of these exchanges always stays in the context. */
export function hasPinned(messages: readonly Message[]): boolean {
  return messages.some((message) => !isReply(message) && message.pinned === true);
}

/** A reply whose end is not the model's own: it was cut, stopped or interrupted, or the user wrote it and no model went on. */
export function isUnfinished({ content, state, edited, details }: ReplyMessage): boolean {
  if (content === "") return false;
  if (state === "cut" || state === "stopped" || state === "interrupted") return true;
  return state === "done" && edited === true && details === undefined;
}

/** From the first message to `leaf`. A parent that is missing, or a circle in damaged data, ends the walk. */
export function pathTo(leaf: string | null, messages: ReadonlyMap<string, Message>): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>();
  for (let id = leaf; id !== null && !seen.has(id); ) {
    const message = messages.get(id);
    if (message === undefined) break;
    seen.add(id);
    path.push(message);
    id = message.parent;
  }
  return path.reverse();
}

/** Messages of one family are versions of each other: they follow the same parent in the same role. */
export function familyKey(message: Message): string {
  return `${message.role} ${message.parent ?? ""}`;
}

/** The end of the branch below `id` that was written last. */
export function newestLeaf(id: string, messages: ReadonlyMap<string, Message>): string {
  const children = new Map<string, Message>();
  for (const message of messages.values()) {
    if (message.parent === null) continue;
    const newest = children.get(message.parent);
    if (newest === undefined || message.created >= newest.created) children.set(message.parent, message);
  }
  const seen = new Set<string>([id]);
  let leaf = id;
  for (let next = children.get(leaf); next !== undefined && !seen.has(next.id); next = children.get(leaf)) {
    leaf = next.id;
    seen.add(leaf);
  }
  return leaf;
}

const TITLE_LENGTH = 60;

/** A conversation is called after its first line, cut between words. */
export function titleFrom(text: string): string {
  const line = text.trim().replace(/\s+/gu, " ");
  const characters = [...line.slice(0, TITLE_LENGTH * 4)];
  if (characters.length <= TITLE_LENGTH) return characters.join("");
  const cut = characters.slice(0, TITLE_LENGTH).join("");
  const space = cut.lastIndexOf(" ");
  return `${space > TITLE_LENGTH / 2 ? cut.slice(0, space) : cut}…`;
}
