// Conversations as files: everything as JSON, to be read back by import, and a conversation as Markdown, for people. What
// comes in is checked as a whole before any of it is used.

import {
  CheckError,
  checkConversation,
  checkMessage,
  checkOption,
  checkTree,
  Fields,
  LIMITS,
} from "./chat_check";
import { NO_DRAFT, type StoredChat } from "./chat_store";
import { type Conversation, isOpen, isReply, type Message, pathTo } from "./messages";
import { type Overrides, readOverrides } from "./options";
import type { LanguageChoice, Preferences, Theme } from "./preferences";
import { breather } from "./ticks";

export const FORMAT = "parley.conversations";
export const FORMAT_VERSION = 1;

/** What is a person's choice and not a fact about this device. */
export type Settings = Pick<Preferences, "theme" | "language" | "options" | "model">;

export interface Bundle {
  chats: StoredChat[];
  settings: Settings | null;
}

/** One conversation after another, so that no more than one is in memory twice. */
export async function exportJson(
  ids: readonly string[],
  read: (id: string) => Promise<StoredChat | null>,
  settings: Settings,
  now = new Date(),
): Promise<Blob> {
  const { theme, language, options, model } = settings;
  const head = {
    format: FORMAT,
    version: FORMAT_VERSION,
    exported: now.toISOString(),
    settings: { theme, language, options, model },
  };
  const breathe = breather();
  const parts: string[] = [`${JSON.stringify(head).slice(0, -1)},"conversations":[`];
  let first = true;
  for (const id of ids) {
    const chat = await read(id);
    if (chat === null) continue;
    parts.push(first ? "\n" : ",\n", JSON.stringify(exported(chat)));
    first = false;
    await breathe();
  }
  parts.push("\n]}\n");
  return new Blob(parts, { type: "application/json" });
}

function exported({ conversation, messages }: StoredChat) {
  return { ...conversation, messages: messages.map(exportedMessage) };
}

/** Without what means something in this browser only. */
function exportedMessage(message: Message) {
  const { conversation: _above, revision: _count, ...rest } = closed(message);
  return rest;
}

/** A reply that was on its way ends where it is. */
function closed(message: Message): Message {
  if (!isReply(message)) return message;
  const { writer: _tab, ...rest } = message;
  return isOpen(message) ? { ...rest, state: message.content === "" ? "stopped" : "interrupted" } : rest;
}

/** The conversations and settings of an exported file. A CheckError says what is wrong in it, and where. */
export async function readBundle(file: Blob): Promise<Bundle> {
  if (file.size > LIMITS.fileBytes)
    throw new CheckError("LIMIT", "file", `larger than ${LIMITS.fileBytes / 1_000_000} MB`);
  return checkBundle(parse(await file.text()));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CheckError("BAD_JSON", "file", error instanceof Error ? error.message : String(error));
  }
}

const KEYS = ["format", "version", "exported", "settings", "conversations"];

export async function checkBundle(data: unknown): Promise<Bundle> {
  const format = typeof data === "object" && data !== null ? Object(data).format : undefined;
  if (format !== FORMAT) throw new CheckError("BAD_MAGIC", "format", `expected "${FORMAT}"`);
  const { version } = data as { version?: unknown };
  if (version !== FORMAT_VERSION)
    throw new CheckError(
      "BAD_VERSION",
      "version",
      `expected ${FORMAT_VERSION}, the version that is known here`,
    );
  const fields = new Fields(data, "", KEYS);
  if (fields.has("exported")) fields.text("exported", 100);
  const breathe = breather();
  const chats: StoredChat[] = [];
  const names = new Map<string, string>(); // of conversations and of messages, and where they are
  let count = 0;
  for (const [index, value] of fields.list("conversations", LIMITS.conversations).entries()) {
    const where = `conversations[${index}]`;
    const chat = checkChat(value, where);
    for (const [name, place] of [
      [`conversation ${chat.conversation.id}`, `${where}.id`],
      ...chat.messages.map(({ id }, at) => [id, `${where}.messages[${at}].id`] as const),
    ] as const) {
      const before = names.get(name);
      if (before !== undefined) throw new CheckError("DUPLICATE", place, `the same as ${before}`);
      names.set(name, place);
    }
    count += chat.messages.length;
    if (count > LIMITS.messages)
      throw new CheckError("LIMIT", where, `more than ${LIMITS.messages} messages`);
    chats.push(chat);
    await breathe();
  }
  const settings = fields.has("settings") ? checkSettings(fields.get("settings"), "settings") : null;
  return { chats, settings };
}

function checkChat(value: unknown, where: string): StoredChat {
  const { conversation, fields } = checkConversation(value, where, ["messages"]);
  const messages = fields
    .list("messages", LIMITS.messages)
    .map((message, index) => closed(checkMessage(message, `${where}.messages[${index}]`, conversation.id)));
  checkTree(conversation, messages, where);
  if (conversation.title === "") throw new CheckError("BAD_TYPE", `${where}.title`, "expected a title");
  return { conversation, messages, draft: NO_DRAFT };
}

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const LANGUAGES: readonly LanguageChoice[] = ["auto", "en", "zh"];

function checkSettings(value: unknown, where: string): Settings {
  const fields = new Fields(value, where, ["theme", "language", "options", "model"]);
  const models = new Fields(fields.get("options"), fields.at("options"), null);
  const options = Object.entries(fields.get("options") as object).map(
    ([model, overrides]) => [model, checkOverrides(overrides, models.at(model))] as const,
  );
  if (options.length > LIMITS.options) throw new CheckError("LIMIT", models.where, "too many models");
  return {
    theme: fields.oneOf("theme", THEMES),
    language: fields.oneOf("language", LANGUAGES),
    model: fields.text("model", 4096),
    options: Object.fromEntries(options),
  };
}

/** Every option must be one that the settings could have made. */
function checkOverrides(value: unknown, where: string): Overrides {
  const fields = new Fields(value, where, null);
  const read = readOverrides(value);
  for (const [name, given] of Object.entries(value as object)) {
    const understood: unknown = new Map(Object.entries(read)).get(name);
    if (JSON.stringify(understood) !== JSON.stringify(checkOption(given, fields.at(name))))
      throw new CheckError("BAD_TYPE", fields.at(name), "no such option, or a value out of its range");
  }
  return read;
}

interface Speakers {
  you: string;
  parley: string;
}

/** The branch on show. */
export function toMarkdown({ conversation, messages }: StoredChat, speakers: Speakers): string {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const parts = [`# ${conversation.title}`];
  if (conversation.system.trim() !== "") parts.push(conversation.system.replace(/^/gmu, "> "));
  for (const message of pathTo(conversation.leaf, byId)) {
    if (message.content === "") continue;
    parts.push(`**${isReply(message) ? speakers.parley : speakers.you}**`, message.content);
  }
  return `${parts.join("\n\n")}\n`;
}

const LONGEST_NAME = 60;

/** A file's name out of a title: letters and digits of any script, the rest as hyphens. */
export function fileName({ title }: Pick<Conversation, "title">, extension: string): string {
  const name = [...title.replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")]
    .slice(0, LONGEST_NAME)
    .join("")
    .replace(/^-+|-+$/gu, "");
  return `${name === "" ? "parley" : name}.${extension}`;
}
