// From OpenAI's parameters to the core's options: which there are, their types, presets and the seed. Ranges, and what a
// model allows, are the core's to check.
import { badArg, boolean, shown, text, tokenIds, unsupported } from "./arguments";
import type { ChatPrompt, GenerationRequest, Prompt, ReviewQuestion } from "./contract";
import { ParleyError } from "./errors";
import type {
  ChatMessage,
  ChatParams,
  CompletionParams,
  ModelInfo,
  ModelPreset,
  ReviewRequest,
  SamplingParams,
} from "./types";

type Fields = Record<string, unknown>;

const SHARED = ["model", "user", "n", "stream", "stream_options", "logprobs"];
const OF_CHAT = ["messages", "chat_format", "top_logprobs"];
const OF_COMPLETION = ["prompt", "echo", "special"];

/** The names under which the most and the least tokens of a reply are given; max_length counts the prompt as well. */
const MOST = ["max_tokens", "max_completion_tokens", "max_new_tokens"];
const LEAST = ["min_tokens", "min_new_tokens"];

type Kind = "number" | "boolean" | "texts" | "numbers" | "biases";

/** The core's options and what they are made of; their ranges are the core's business. */
const KINDS: Record<Exclude<keyof SamplingParams, "model" | "user" | "n">, Kind> = {
  temperature: "number",
  top_k: "number",
  top_p: "number",
  min_p: "number",
  typical_p: "number",
  repetition_penalty: "number",
  repeat_last_n: "number",
  frequency_penalty: "number",
  presence_penalty: "number",
  no_repeat_ngram_size: "number",
  logit_bias: "biases",
  seed: "number",
  min_tokens: "number",
  min_new_tokens: "number",
  max_tokens: "number",
  max_completion_tokens: "number",
  max_new_tokens: "number",
  max_length: "number",
  stop: "texts",
  stop_token_ids: "numbers",
  best_of: "number",
  retry_repeats: "number",
  ignore_eos: "boolean",
};

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** One option as parley_set_option takes it: the items of a list one by one. */
function optionValues(name: string, value: unknown): string[] {
  if (!Object.hasOwn(KINDS, name)) unsupported(name);
  const kind = KINDS[name as keyof typeof KINDS];
  switch (kind) {
    case "number":
      return isNumber(value) ? [String(value)] : badArg(name, "a number");
    case "boolean":
      return typeof value === "boolean" ? [String(value)] : badArg(name, "true or false");
    case "texts": {
      const texts = typeof value === "string" ? [value] : value;
      if (!Array.isArray(texts) || texts.some((one) => typeof one !== "string"))
        badArg(name, "a text or a list of texts");
      return texts as string[];
    }
    case "numbers":
      return Array.isArray(value) && value.every(isNumber)
        ? value.map(String)
        : badArg(name, "a list of numbers");
    case "biases": {
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      const biases = isObject ? Object.entries(value) : badArg(name, "numbers by token id");
      if (!biases.every(([, bias]) => isNumber(bias))) badArg(name, "numbers by token id");
      return biases.map(([id, bias]) => `${id}:${bias}`);
    }
  }
}

/** Whether a length of the preset stands against what the caller asks for. */
function givesWay(name: string, value: unknown, params: Fields): boolean {
  const given = (lengths: string[]) => lengths.map((one) => params[one]).filter(isNumber);
  const limit = value as number;
  switch (name) {
    case "max_tokens":
      return given([...MOST, "max_length"]).length > 0 || given(LEAST).some((least) => least > limit);
    case "min_tokens":
      return given(LEAST).length > 0 || given(MOST).some((most) => most < limit);
    default:
      return false;
  }
}

function drawSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high & 0x1fffff) * 2 ** 32 + low; // 53 bits
}

/** That these are sampling options that there are, each of its kind. UNSUPPORTED_OPTION or BAD_ARG if not. */
export function checkSampling(given: Fields): void {
  for (const [name, value] of Object.entries(given)) optionValues(name, value);
}

/** Options in the order given, the preset's first, so that the caller's win. Null means left out, as for OpenAI. */
function options(params: Fields, others: string[], preset: ModelPreset): [string, string][] {
  const given = Object.entries(params).filter(
    ([name, value]) => value !== undefined && value !== null && !others.includes(name),
  );
  const names = new Set(given.map(([name]) => name));
  const preset_ = Object.entries(preset).filter(
    ([name, value]) => !names.has(name) && !givesWay(name, value, params),
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
    unsupported("n other than 1");
  }
  if (params.user !== undefined) text(params.user, "user");
  boolean(params, "stream");
  for (const name of Object.keys((streamOptions ?? {}) as Fields)) {
    if (name !== "include_usage") {
      unsupported(`stream_options.${name}`);
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
      unsupported(`${where}.${other}`);
    }
    if (role !== "system" && role !== "user" && role !== "assistant") {
      badArg(`${where}.role`, "system, user or assistant");
    }
    if (pinned !== undefined && typeof pinned !== "boolean") badArg(`${where}.pinned`, "true or false");
    return { role, content: text(content, `${where}.content`), pinned: pinned === true };
  });
}

export function chatRequest(params: ChatParams, info: ModelInfo): GenerationRequest & { prompt: ChatPrompt } {
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

const OF_REVIEW = ["messages", "chat_format", "prompt", "special", "reply", "text"];

export function reviewQuestion(request: ReviewRequest, info: ModelInfo): ReviewQuestion {
  const fields = { ...request } as Fields;
  checkShared(fields, info);
  if ("text" in fields) {
    const subject = { kind: "text" as const, text: text(fields.text, "text") };
    return { subject, options: options(fields, [...SHARED, ...OF_REVIEW], {}) };
  }
  const { reply } = fields;
  if (typeof reply !== "string" && !Array.isArray(reply))
    badArg("reply", "a text or a list of token ids", shown(reply));
  const completes = "prompt" in fields;
  const prompt: Prompt = completes
    ? { kind: "completion", text: text(fields.prompt, "prompt"), special: boolean(fields, "special") }
    : {
        kind: "chat",
        messages: checkMessages(fields.messages),
        chatFormat: text(fields.chat_format ?? "", "chat_format"),
      };
  return {
    subject: { kind: "reply", prompt, reply: typeof reply === "string" ? reply : tokenIds(reply, "reply") },
    options: options(fields, [...SHARED, ...OF_REVIEW], completes ? {} : info.preset),
  };
}
