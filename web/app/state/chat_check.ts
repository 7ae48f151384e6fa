// Checks conversations that come from outside the running page: an imported file, the database, what a page left behind.
// Every value is looked at before any is used, and what is wrong is told with its place.

import type { Drafts, StoredChat } from "./chat_store";
import type { Conversation, Failure, Message, ReplyDetails, ReplyState } from "./messages";
import { breather } from "./ticks";

export type CheckCode =
  | "BAD_JSON" // no JSON at all
  | "BAD_MAGIC" // JSON, but no conversations of Parley's
  | "BAD_VERSION" // of a later version
  | "BAD_TYPE" // a value of another kind than expected
  | "BAD_TREE" // messages that do not hang together
  | "UNKNOWN_KEY" // something that this version would lose
  | "DUPLICATE" // two things of one name
  | "LIMIT"; // larger than Parley takes

export class CheckError extends Error {
  override readonly name = "CheckError";

  /** `where`: a path like `conversations[3].messages[17].parent`. */
  constructor(
    readonly code: CheckCode,
    readonly where: string,
    expected: string,
  ) {
    super(`${where}: ${expected}`);
  }
}

export const LIMITS = {
  fileBytes: 256_000_000,
  conversations: 20_000,
  messages: 500_000, // of all conversations together
  text: 8_000_000, // UTF-16 units of one message
  title: 500,
  options: 200, // of a reply
  tokens: 1_000_000, // of a reply
} as const;

/** An object's own fields; a key that is not in `known` is an error, unless `lenient`. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly where: string;

  constructor(value: unknown, where: string, known: readonly string[] | null) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new CheckError("BAD_TYPE", where, "expected an object");
    this.#values = new Map(Object.entries(value));
    this.where = where;
    if (known !== null) this.only(known);
  }

  only(known: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (!known.includes(key))
        throw new CheckError("UNKNOWN_KEY", this.at(key), "not known to this version");
    }
  }

  at(key: string): string {
    const place = /^\w{1,40}$/u.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 40))}]`;
    return this.where === "" ? place.replace(/^\./u, "") : `${this.where}${place}`;
  }

  get(key: string): unknown {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.get(key) !== undefined;
  }

  text(key: string, longest: number = LIMITS.text): string {
    const value = this.get(key);
    if (typeof value !== "string") throw new CheckError("BAD_TYPE", this.at(key), "expected a text");
    if (value.length > longest)
      throw new CheckError("LIMIT", this.at(key), `longer than ${longest} characters`);
    return value;
  }

  id(key: string): string {
    const value = this.get(key);
    if (typeof value !== "string" || !/^[\w-]{1,64}$/u.test(value))
      throw new CheckError("BAD_TYPE", this.at(key), "expected a name of at most 64 letters and digits");
    return value;
  }

  idOrNull(key: string): string | null {
    return this.get(key) === null ? null : this.id(key);
  }

  number(key: string, least = -Number.MAX_VALUE): number {
    const value = this.get(key);
    if (typeof value !== "number" || !Number.isFinite(value) || value < least)
      throw new CheckError("BAD_TYPE", this.at(key), "expected a number");
    return value;
  }

  /** Milliseconds since 1970. */
  time(key: string): number {
    const value = this.number(key, 0);
    if (value > 8.64e15) throw new CheckError("BAD_TYPE", this.at(key), "expected milliseconds since 1970");
    return value;
  }

  flag(key: string): boolean {
    const value = this.get(key);
    if (value !== undefined && typeof value !== "boolean")
      throw new CheckError("BAD_TYPE", this.at(key), "expected true or false");
    return value === true;
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.get(key));
    if (found === undefined)
      throw new CheckError("BAD_TYPE", this.at(key), `expected one of ${choices.join(", ")}`);
    return found;
  }

  list(key: string, most: number): unknown[] {
    const value = this.get(key);
    if (!Array.isArray(value)) throw new CheckError("BAD_TYPE", this.at(key), "expected a list");
    if (value.length > most) throw new CheckError("LIMIT", this.at(key), `more than ${most} entries`);
    return value;
  }
}

const CONVERSATION = ["id", "title", "created", "updated", "leaf", "system", "pinned"];
const MESSAGE = ["id", "conversation", "parent", "role", "content", "created", "revision"];
const USER = [...MESSAGE, "pinned"];
const REPLY = [...MESSAGE, "state", "writer", "edited", "failure", "details", "tokens"];
const DETAILS = [
  "model",
  "tokens",
  "tokensPerSecond",
  "seed",
  "contextUsed",
  "contextTotal",
  "options",
  "from",
];
const STATES: readonly ReplyState[] = [
  "waiting",
  "streaming",
  "done",
  "cut",
  "stopped",
  "interrupted",
  "failed",
];

/** `more`: keys that belong to whoever calls. With `lenient`, keys that are not known are left out. */
export function checkConversation(
  value: unknown,
  where: string,
  more: readonly string[] = [],
  lenient = false,
): { conversation: Conversation; fields: Fields } {
  const fields = new Fields(value, where, lenient ? null : [...CONVERSATION, ...more]);
  const conversation = {
    id: fields.id("id"),
    title: fields.text("title", LIMITS.title),
    created: fields.time("created"),
    updated: fields.time("updated"),
    leaf: fields.idOrNull("leaf"),
    system: fields.text("system"),
    pinned: fields.flag("pinned"),
  };
  return { conversation, fields };
}

export function checkMessage(value: unknown, where: string, conversation: string, lenient = false): Message {
  const fields = new Fields(value, where, null);
  const role = fields.oneOf("role", ["user", "assistant"]);
  if (!lenient) fields.only(role === "user" ? USER : REPLY);
  if (fields.has("conversation") && fields.get("conversation") !== conversation)
    throw new CheckError("BAD_TREE", fields.at("conversation"), "of another conversation");
  const message = {
    id: fields.id("id"),
    conversation,
    parent: fields.idOrNull("parent"),
    content: fields.text("content"),
    created: fields.time("created"),
    ...(fields.has("revision") && { revision: fields.number("revision", 0) }),
  };
  if (role === "user") return { ...message, role, ...(fields.flag("pinned") && { pinned: true }) };
  return {
    ...message,
    role,
    state: fields.oneOf("state", STATES),
    ...(fields.has("writer") && { writer: fields.id("writer") }),
    ...(fields.flag("edited") && { edited: true }),
    ...(fields.has("failure") && { failure: checkFailure(fields.get("failure"), fields.at("failure")) }),
    ...(fields.has("details") && {
      details: checkDetails(fields.get("details"), fields.at("details"), lenient),
    }),
    ...(fields.has("tokens") && { tokens: checkTokens(fields) }),
  };
}

function checkTokens(fields: Fields): number[] {
  return fields.list("tokens", LIMITS.tokens).map((id, index) => {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= 2 ** 31)
      throw new CheckError("BAD_TYPE", `${fields.at("tokens")}[${index}]`, "expected a token's number");
    return id;
  });
}

function checkFailure(value: unknown, where: string): Failure {
  const fields = new Fields(value, where, ["code", "message", "bytes"]);
  return {
    code: fields.text("code", 100),
    message: fields.text("message", 10_000),
    ...(fields.has("bytes") && { bytes: fields.number("bytes", 0) }),
  };
}

function checkDetails(value: unknown, where: string, lenient: boolean): ReplyDetails {
  const fields = new Fields(value, where, lenient ? null : DETAILS);
  return {
    model: fields.text("model", 5000),
    tokens: fields.get("tokens") === null ? null : fields.number("tokens", 0),
    tokensPerSecond: fields.number("tokensPerSecond", 0),
    seed: fields.number("seed", 0),
    contextUsed: fields.number("contextUsed", 0),
    contextTotal: fields.number("contextTotal", 0),
    options: checkOptions(fields.get("options"), fields.at("options")),
    ...(fields.has("from") && { from: fields.number("from", 0) }),
  };
}

/** Options as the core reports them: numbers, texts, truth values, lists and tables of these. */
function checkOptions(value: unknown, where: string): Record<string, unknown> {
  const fields = new Fields(value, where, null);
  const entries = Object.entries(value as object);
  if (entries.length > LIMITS.options) throw new CheckError("LIMIT", where, `more than ${LIMITS.options}`);
  const read = entries.map(([name, option]) => {
    if (!/^[a-z]\w{0,63}$/u.test(name)) throw new CheckError("BAD_TYPE", fields.at(name), "no option's name");
    return [name, checkOption(option, fields.at(name))] as const;
  });
  return Object.fromEntries(read);
}

function isPlain(value: unknown): boolean {
  return (
    value === null ||
    typeof value === "boolean" ||
    (typeof value === "number" && Number.isFinite(value)) ||
    (typeof value === "string" && value.length <= 10_000)
  );
}

/** A number, a text, a truth value, or a list or a table by token ids of these. */
export function checkOption(value: unknown, where: string): unknown {
  if (isPlain(value)) return value;
  const parts: unknown[] = typeof value === "object" && value !== null ? Object.values(value) : [undefined];
  if (parts.length > 10_000) throw new CheckError("LIMIT", where, "more than 10000 entries");
  if (!parts.every(isPlain)) throw new CheckError("BAD_TYPE", where, "expected numbers or texts");
  if (Array.isArray(value)) return parts;
  const names = Object.keys(value as object);
  if (!names.every((name) => /^\d{1,10}$/u.test(name)))
    throw new CheckError("BAD_TYPE", where, "expected token ids as names");
  return Object.fromEntries(names.map((name, index) => [name, parts[index]]));
}

/**
 * That messages make a tree of turns: ids once, a reply under a user's message and the other way round, no circles, and
 * `leaf` one of them.
 */
export function checkTree({ leaf }: Conversation, messages: readonly Message[], where: string): void {
  const byId = new Map<string, { message: Message; index: number }>();
  for (const [index, message] of messages.entries()) {
    if (byId.has(message.id))
      throw new CheckError("DUPLICATE", `${where}.messages[${index}].id`, "a second message of this name");
    byId.set(message.id, { message, index });
  }
  const sound = new Set<string>(); // those from which the walk to the root is known to end
  for (const [index, start] of messages.entries()) {
    const walked = new Set<string>();
    for (let at = start; !sound.has(at.id); ) {
      const place = `${where}.messages[${byId.get(at.id)?.index ?? index}].parent`;
      if (walked.has(at.id)) throw new CheckError("BAD_TREE", place, "a circle");
      walked.add(at.id);
      if (at.parent === null) {
        if (at.role !== "user") throw new CheckError("BAD_TREE", place, "a reply to nothing");
        break;
      }
      const above = byId.get(at.parent)?.message;
      if (above === undefined) throw new CheckError("BAD_TREE", place, "no such message");
      if (above.role === at.role) throw new CheckError("BAD_TREE", place, "two turns of one speaker");
      at = above;
    }
    for (const id of walked) sound.add(id);
  }
  if (leaf !== null && !byId.has(leaf)) throw new CheckError("BAD_TREE", `${where}.leaf`, "no such message");
}

/** A draft out of stored data, as text in those of version 1; what cannot be read is none. */
export function readDrafts(value: unknown): Drafts {
  if (typeof value === "string") return { text: value };
  try {
    const fields = new Fields(value, "draft", null);
    const drafts: Drafts = { text: fields.text("text") };
    if (!fields.has("editing")) return drafts;
    const editing = new Fields(fields.get("editing"), "draft.editing", null);
    return { ...drafts, editing: { message: editing.id("message"), text: editing.text("text") } };
  } catch {
    return { text: "" };
  }
}

/**
 * A conversation out of the database; messages that are damaged are left out, a damaged conversation is none. A long one is
 * checked in short tasks.
 */
export async function readStored(
  conversation: unknown,
  messages: readonly unknown[],
  draft: unknown,
): Promise<StoredChat | null> {
  const [checked] = readConversation(conversation);
  if (checked === undefined) return null;
  const breathe = breather();
  const read: Message[] = [];
  for (const message of messages) {
    read.push(...readMessage(message, checked.id));
    await breathe();
  }
  return { conversation: checked, messages: read, draft: readDrafts(draft) };
}

export function readConversation(value: unknown): Conversation[] {
  try {
    return [checkConversation(value, "conversation", [], true).conversation];
  } catch {
    return [];
  }
}

function readMessage(value: unknown, conversation: string): Message[] {
  try {
    return [checkMessage(value, "message", conversation, true)];
  } catch {
    return [];
  }
}
