// From OpenAI's parameters to the core's options. The core knows which options exist and their ranges; here are only
// the parameters that are not options, types, presets and the seed.
import type { GenerationRequest } from "./contract";
import { ParleyError } from "./errors";
import type { ChatMessage, ChatParams, CompletionParams, ModelInfo, ModelPreset } from "./types";

type Fields = Record<string, unknown>;

const SHARED = ["model", "user", "n", "stream", "stream_options", "logprobs"];
const OF_CHAT = ["messages", "chat_format", "top_logprobs"];
const OF_COMPLETION = ["prompt", "echo", "special"];

/** The names under which a length is given: with one of them the preset's does not apply. */
const LENGTHS = ["max_tokens", "max_completion_tokens", "max_new_tokens", "max_length"];

function badArg(name: string, expected: string): never {
  throw new ParleyError("BAD_ARG", `${name} must be ${expected}.`);
}

function boolean(params: Fields, name: string): boolean {
  const value = params[name] ?? false;
  if (typeof value !== "boolean") badArg(name, "true or false");
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") badArg(name, "a text");
  return value;
}

/** One option as parley_set_option takes it: the items of a list one by one. */
function optionValues(name: string, value: unknown): string[] {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) badArg(name, "a number");
      return [String(value)];
    case "boolean":
      return [String(value)];
    case "string":
      if (name !== "stop") badArg(name, "a number");
      return [value];
    case "object":
      if (Array.isArray(value)) {
        const item = name === "stop" ? "string" : "number";
        if (value.some((element) => typeof element !== item)) badArg(name, `a list of ${item}s`);
        return value.map(String);
      }
      if (name === "logit_bias") {
        return Object.entries(value as Fields).map(([id, bias]) => {
          if (typeof bias !== "number") badArg("logit_bias", "numbers by token id");
          return `${id}:${bias}`;
        });
      }
      break;
    default:
      break;
  }
  throw new ParleyError("UNSUPPORTED_OPTION", `${name} is not an option that Parley has.`);
}

function drawSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high & 0x1fffff) * 2 ** 32 + low; // 53 bits
}

/** Options in the order given, the preset's first, so that the caller's win. Null means left out, as for OpenAI. */
function options(params: Fields, others: string[], preset: ModelPreset): [string, string][] {
  const given = Object.entries(params).filter(
    ([name, value]) => value !== undefined && value !== null && !others.includes(name),
  );
  const names = new Set(given.map(([name]) => name));
  const hasLength = LENGTHS.some((name) => names.has(name));
  const preset_ = Object.entries(preset).filter(
    ([name]) => !names.has(name) && !(hasLength && name === "max_tokens"),
  );
  const all = [...preset_, ...given].flatMap(([name, value]) =>
    optionValues(name, value).map((one): [string, string] => [name, one]),
  );
  return names.has("seed") ? all : [...all, ["seed", String(drawSeed())]];
}

function checkShared(params: Fields, info: ModelInfo): void {
  const { model, n, stream_options: streamOptions } = params;
  if (model !== undefined && model !== info.id) {
    throw new ParleyError("BAD_ARG", `model is '${String(model)}', but '${info.id}' is loaded.`);
  }
  if (n !== undefined && n !== null && n !== 1) {
    throw new ParleyError("UNSUPPORTED_OPTION", "n other than 1 is not an option that Parley has.");
  }
  if (params.user !== undefined) text(params.user, "user");
  boolean(params, "stream");
  for (const name of Object.keys((streamOptions ?? {}) as Fields)) {
    if (name !== "include_usage") {
      throw new ParleyError("UNSUPPORTED_OPTION", `stream_options.${name} is not an option that Parley has.`);
    }
  }
}

function alternatives(value: unknown, name: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 20) badArg(name, "0 to 20");
  return value as number;
}

/** null: no log-probabilities. */
function chatLogprobs(params: Fields): number | null {
  const wanted = boolean(params, "logprobs");
  if (params.top_logprobs === undefined || params.top_logprobs === null) return wanted ? 0 : null;
  if (!wanted) throw new ParleyError("BAD_ARG", "top_logprobs needs logprobs: true.");
  return alternatives(params.top_logprobs, "top_logprobs");
}

function withLogprobs(all: [string, string][], count: number | null): [string, string][] {
  return count === null ? all : [...all, ["top_logprobs", String(count)]];
}

export function checkMessages(value: unknown): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0) badArg("messages", "a list of at least one message");
  return value.map((message: unknown, index) => {
    const where = `messages[${index}]`;
    if (typeof message !== "object" || message === null) badArg(where, "an object");
    const { role, content, pinned, ...rest } = message as Fields;
    const [other] = Object.keys(rest).filter((name) => rest[name] !== undefined);
    if (other !== undefined) {
      throw new ParleyError("UNSUPPORTED_OPTION", `${where}.${other} is not an option that Parley has.`);
    }
    if (role !== "system" && role !== "user" && role !== "assistant") {
      badArg(`${where}.role`, "system, user or assistant");
    }
    if (pinned !== undefined && typeof pinned !== "boolean") badArg(`${where}.pinned`, "true or false");
    return { role, content: text(content, `${where}.content`), pinned: pinned === true };
  });
}

export function chatRequest(params: ChatParams, info: ModelInfo): GenerationRequest {
  const fields = { ...params } as Fields;
  checkShared(fields, info);
  const messages = checkMessages(fields.messages);
  const logprobs = chatLogprobs(fields);
  return {
    prompt: { kind: "chat", messages, chatFormat: text(fields.chat_format ?? "", "chat_format") },
    options: withLogprobs(options(fields, [...SHARED, ...OF_CHAT], info.preset), logprobs),
    logprobs: logprobs !== null,
  };
}

export function completionRequest(params: CompletionParams, info: ModelInfo): GenerationRequest {
  const fields = { ...params } as Fields;
  checkShared(fields, info);
  boolean(fields, "echo");
  const logprobs =
    fields.logprobs === undefined || fields.logprobs === null
      ? null
      : alternatives(fields.logprobs, "logprobs");
  return {
    prompt: { kind: "completion", text: text(fields.prompt, "prompt"), special: boolean(fields, "special") },
    options: withLogprobs(options(fields, [...SHARED, ...OF_COMPLETION], {}), logprobs),
    logprobs: logprobs !== null,
  };
}
