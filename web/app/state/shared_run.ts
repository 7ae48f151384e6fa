// A run that can be done again elsewhere: the model with its hash, the words, the options and the seed, as a JSON file or as
// the fragment of a link. What comes in is checked whole before any of it is used; doing it is left to shared_runs.ts.

import { sha256Hex } from "../../engine/models/sha256";
import { checkMessages, checkSampling } from "../../engine/params";
import type { ChatMessage, SamplingParams } from "../../engine/types";
import type { Asked } from "./runs";

export interface RunModel {
  source: string; // a catalog id, hf:owner/name or an address
  name: string;
  sha256: string; // of its file, "" where nobody says
  context: number; // tokens: what does not fit depends on it
}

export interface SharedRun {
  model: RunModel;
  asked: Asked;
  options: SamplingParams; // all of them, seed included
  /** The first 16 hexadecimal digits of the SHA-256 of the text that came of it, in UTF-8. */
  text: string;
}

export type RunCode =
  | "BAD_LINK" // the fragment is not what this page makes: cut off, or changed
  | "BAD_JSON" // a file that is no JSON
  | "BAD_VERSION" // of a later version
  | "BAD_RUN" // JSON, but no run; the message says where
  | "LIMIT"; // larger than a run can be

export class RunError extends Error {
  override readonly name = "RunError";

  constructor(
    readonly code: RunCode,
    message: string,
  ) {
    super(message);
  }
}

const VERSION = 1;
export const LINK_PREFIX = "run=";
/** Longer ones are cut by some of the programs that pass links on. */
export const LONGEST_LINK = 8000;
export const LONGEST_RUN = 1_000_000; // bytes of JSON
const LONGEST_SOURCE = 4096;
const LONGEST_NAME = 200;

/** A run out of options in effect, as results report them. */
export async function makeRun(
  model: RunModel,
  asked: Asked,
  options: Record<string, unknown>,
  text: string,
): Promise<SharedRun> {
  const kept = Object.entries(options).filter(([, value]) => !isEmpty(value));
  return { model, asked, options: Object.fromEntries(kept), text: await textMark(text) };
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

export async function textMark(text: string): Promise<string> {
  return (await sha256Hex(new TextEncoder().encode(text))).slice(0, 16);
}

export function runJson({ model, asked, options, text }: SharedRun): string {
  const words =
    asked.kind === "chat" ? { messages: asked.messages.map(leanMessage) } : { prompt: asked.prompt };
  return JSON.stringify({ parley: "run", version: VERSION, model, ...words, options, text });
}

function leanMessage({ role, content, pinned }: ChatMessage): ChatMessage {
  return pinned === true ? { role, content, pinned } : { role, content };
}

type Fields = Record<string, unknown>;

function bad(where: string, expected: string): never {
  throw new RunError("BAD_RUN", `${where}: expected ${expected}`);
}

function fields(value: unknown, where: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) bad(where, "an object");
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) bad(`${where}.${other.slice(0, 40)}`, "nothing of this name");
  return value as Fields;
}

function text(value: unknown, where: string, longest: number): string {
  if (typeof value !== "string") bad(where, "a text");
  if (value.length > longest) throw new RunError("LIMIT", `${where}: longer than ${longest} characters`);
  return value;
}

function checkModel(value: unknown): RunModel {
  const found = fields(value, "model", ["source", "name", "sha256", "context"]);
  const { source, sha256, context } = found;
  if (typeof source !== "string" || !isSource(source))
    bad("model.source", "a model's id, hf:owner/name or an https address");
  if (typeof sha256 !== "string" || !/^([0-9a-f]{64})?$/u.test(sha256)) bad("model.sha256", "a SHA-256");
  if (!Number.isInteger(context) || (context as number) < 1 || (context as number) > 2 ** 24)
    bad("model.context", "a number of tokens");
  return { source, name: text(found.name, "model.name", LONGEST_NAME), sha256, context: context as number };
}

function isSource(source: string): boolean {
  if (source.length > LONGEST_SOURCE) return false;
  if (/^[\w.-]{1,100}$/u.test(source) || /^hf:[\w.-]+\/[\w.-]+(\/[\w./-]+)?$/u.test(source)) return true;
  return /^https:\/\//u.test(source) && URL.canParse(source);
}

function checkAsked({ messages, prompt }: Fields): Asked {
  if (prompt !== undefined && messages !== undefined) bad("prompt", "either a prompt or messages");
  if (prompt !== undefined) return { kind: "completion", prompt: text(prompt, "prompt", LONGEST_RUN) };
  return { kind: "chat", messages: inRun(() => checkMessages(messages)).map(leanMessage) };
}

function inRun<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new RunError("BAD_RUN", error instanceof Error ? error.message : String(error));
  }
}

/** Checks a run that came as JSON. Names and kinds of options are the library's to know, ranges the core's. */
export function checkRun(data: unknown): SharedRun {
  if (typeof data !== "object" || data === null || (data as Fields).parley !== "run")
    throw new RunError("BAD_RUN", "parley: expected a run of Parley's");
  const { version } = data as Fields;
  if (typeof version === "number" && version > VERSION)
    throw new RunError("BAD_VERSION", `version ${version}, this page knows ${VERSION}`);
  if (version !== VERSION) bad("version", String(VERSION));
  const found = fields(data, "run", ["parley", "version", "model", "messages", "prompt", "options", "text"]);
  const options = fields(found.options, "options", Object.keys(Object(found.options)));
  inRun(() => checkSampling(options));
  if (options.seed === undefined) bad("options.seed", "a seed");
  const mark = found.text;
  if (typeof mark !== "string" || !/^[0-9a-f]{16}$/u.test(mark)) bad("text", "16 hexadecimal digits");
  return { model: checkModel(found.model), asked: checkAsked(found), options, text: mark };
}

export function readRun(json: string): SharedRun {
  if (json.length > LONGEST_RUN) throw new RunError("LIMIT", `more than ${LONGEST_RUN} characters`);
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    throw new RunError("BAD_JSON", error instanceof Error ? error.message : "not JSON");
  }
  return checkRun(data);
}

/** `run=` and the JSON, deflated, in base64url. */
export async function runFragment(run: SharedRun): Promise<string> {
  const bytes = new TextEncoder().encode(runJson(run));
  const squeezed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const packed = new Uint8Array(await new Response(squeezed).arrayBuffer());
  const binary = Array.from(packed, (byte) => String.fromCharCode(byte)).join("");
  return LINK_PREFIX + btoa(binary).replace(/\+/gu, "-").replace(/\//gu, "_").replace(/=+$/u, "");
}

export async function readFragment(fragment: string): Promise<SharedRun> {
  const code = fragment.slice(LINK_PREFIX.length);
  if (!fragment.startsWith(LINK_PREFIX) || !/^[\w-]+$/u.test(code))
    throw new RunError("BAD_LINK", "the link has no run in it");
  let packed: Uint8Array<ArrayBuffer>;
  try {
    const binary = atob(code.replace(/-/gu, "+").replace(/_/gu, "/"));
    packed = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    throw new RunError("BAD_LINK", "the link is cut off or changed");
  }
  const json = new TextDecoder("utf-8", { fatal: true });
  try {
    return readRun(json.decode(await inflate(packed)));
  } catch (error) {
    if (error instanceof RunError && error.code !== "BAD_JSON") throw error;
    throw new RunError("BAD_LINK", "the link is cut off or changed");
  }
}

/** Stops at LONGEST_RUN bytes, whatever a few bytes claim to be. */
async function inflate(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > LONGEST_RUN) {
      await reader.cancel();
      throw new RunError("LIMIT", `more than ${LONGEST_RUN} bytes`);
    }
    chunks.push(next.value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
