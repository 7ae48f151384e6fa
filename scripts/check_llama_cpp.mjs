// Compares Parley with llama.cpp on one GGUF file: token ids of plain text, of text that looks special and, where a prompt is
// a chat, of special tokens; with --characters, of texts with every character of Unicode; then greedy continuations. A
// continuation may part only at a near-tie: where both choices lie within --near-tie logits for Parley, or for its reference
// engine, which computes with the file's own values in f32. When left out, that is what Parley's own arithmetic is off by: the
// largest error, against the reference engine, of the margin between the best token and each of the next four behind any of
// the prompts. llama.cpp's own error is printed beside it.
//
//   check_llama_cpp.mjs --package DIR [--parley build/native/parley] [--tokens 48] [--near-tie LOGITS] [--characters] FILE.gguf
//
// DIR holds node_modules/node-llama-cpp (npm i --prefix DIR --ignore-scripts node-llama-cpp); it is not a dependency
// of the project. Prints a line a prompt and exits 1 on the first unexplained difference.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const ALTERNATIVES = 20;

const PROMPTS = [
  "Hello, how are you?",
  "What is the capital of France?",
  "I would like to book a table for two.",
  "My parcel has not arrived.",
  "Who is your favourite actor?",
  "It is raining again today",
  "The Beatles were",
  "Can you recommend a good film for tonight?",
  "2 and 2 is",
  "def main():\n    return",
  "你好",
  "I said <|endoftext|> and nothing happened",
  "Once upon a time, in a village by the sea,",
  "The recipe needs 250 g of flour, 3 eggs and",
  "In 1969, Neil Armstrong",
  "for (int i = 0; i < 10; ++i) {",
  "L'été dernier, nous avons",
  "She opened the letter\n\nand",
  "The three primary colours are",
  "To be, or not to be,",
  chat("What is the capital of France?"),
  chat("Write a haiku about autumn."),
  chat("Why is the sky blue?"),
  chat("Give me three names for a cat."),
  chat("What is 12 + 34?"),
  chat("Translate 'good morning' into Spanish."),
  chat("How do I boil an egg?"),
  chat("Tell me a joke."),
  chat("Who wrote Hamlet?"),
  chat("List the planets."),
];

/** A ChatML prompt; read with special tokens. */
function chat(text) {
  return `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`;
}
const isChat = (prompt) => prompt.startsWith("<|im_start|>");

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    package: { type: "string" },
    parley: { type: "string", default: "build/native/parley" },
    tokens: { type: "string", default: "48" },
    "near-tie": { type: "string" },
    characters: { type: "boolean", default: false },
  },
});
const [file] = positionals;
if (!file || !options.package) {
  console.error("usage: check_llama_cpp.mjs --package DIR [--parley PATH] [--tokens N] [--near-tie LOGITS] FILE.gguf");
  process.exit(2);
}
const tokens = Number(options.tokens);

const resolve = createRequire(path.resolve(options.package, "package.json")).resolve;
const { getLlama } = await import(pathToFileURL(resolve("node-llama-cpp")).href);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: path.resolve(file) });
const context = await model.createContext({ contextSize: 512, flashAttention: false, threads: 1 });
const sequence = context.getSequence();

function parley(args, input) {
  const stdout = execFileSync(options.parley, args, { input, encoding: "utf8", maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

function parleyComplete(prompt, engine = "kernels", maxTokens = tokens) {
  return parley(
    ["complete", "--model", file, "--prompt", "-", "--json", "--temperature", "0", "--max-tokens", String(maxTokens),
      "--top-logprobs", String(ALTERNATIVES), "--engine", engine, ...(isChat(prompt) ? ["--special"] : [])],
    prompt,
  );
}

async function llamaComplete(ids) {
  await sequence.clearHistory();
  const generated = [];
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    generated.push(token);
    if (generated.length === tokens || model.isEogToken(token)) break;
  }
  return generated;
}

/** How far Parley puts its own choice above llama.cpp's at step `at`, in logits. */
function margin(result, at, other) {
  const step = result.logprobs[at];
  const rival = step.top_logprobs.find((alternative) => alternative.id === other);
  return rival ? step.logprob - rival.logprob : Number.POSITIVE_INFINITY;
}

/** Logits of the likeliest tokens behind a prompt, but for a constant, the likeliest first: ours, and llama.cpp's. */
function parleyLogits(prompt, engine) {
  return new Map(parleyComplete(prompt, engine, 1).logprobs[0].top_logprobs.map(({ id, logprob }) => [id, logprob]));
}
async function llamaLogits(prompt) {
  await sequence.clearHistory();
  const ids = [...model.tokenize(prompt, isChat(prompt))];
  const generateNext = { logits: { filter: { tokens: [], includeTop: ALTERNATIVES } } };
  const results = await sequence.controlledEvaluate([...ids.slice(0, -1), [ids.at(-1), { generateNext }]]);
  return results.at(-1).next.logits;
}

/**
 * The largest error against the reference engine, and the root mean square, of margins behind the prompts: of an engine's best
 * token over its next four. `size` is the root mean square of the margins themselves.
 */
async function marginErrors(logitsOf) {
  const errors = [];
  let squares = 0;
  for (const prompt of PROMPTS) {
    const exact = parleyLogits(prompt, "reference");
    const [[best, highest], ...next] = [...(await logitsOf(prompt))].slice(0, 5).filter(([id]) => exact.has(id));
    for (const [id, logit] of next) {
      const exactly = exact.get(best) - exact.get(id);
      errors.push(Math.abs(highest - logit - exactly));
      squares += exactly * exactly;
    }
  }
  const rms = (sum) => Math.sqrt(sum / errors.length);
  return {
    most: Math.max(...errors),
    rms: rms(errors.reduce((sum, error) => sum + error * error, 0)),
    size: rms(squares),
    count: errors.length,
  };
}

function printErrors(whose, { most, rms, size, count }) {
  const off = `off by at most ${most.toFixed(4)} logits, rms ${rms.toFixed(4)}`;
  console.log(`${count} margins of ${whose}, of ${size.toFixed(4)} logits rms: ${off}`);
}

/** The same for the reference engine, which must have come to step `at` by the same tokens. */
function exactMargin(prompt, ours, at, other) {
  const exact = parleyComplete(prompt, "reference", at + 1);
  const sameWay = ours.ids.slice(0, at).every((id, i) => id === exact.ids[i]);
  return sameWay ? Math.abs(margin(exact, at, other === exact.ids[at] ? ours.ids[at] : other)) : Number.POSITIVE_INFINITY;
}

/**
 * [first, last] of what llama.cpp reads in a way of its own, where Parley does as Hugging Face's tokenizers (check_tokenizer.py): NUL
 * ends a text; control characters that SmolLM2 has no token for keep the words beside them apart; its tables lack the digits of
 * Unicode 16.
 */
const LEFT_OUT = [
  [0, 0],
  [0x04, 0x04],
  [0x06, 0x06],
  [0x13, 0x14],
  [0x16, 0x16],
  [0x1d, 0x1d],
  [0x10d40, 0x10d49],
  [0x116d0, 0x116e3],
  [0x11bf0, 0x11bf9],
  [0x16130, 0x16139],
  [0x16d70, 0x16d79],
  [0x1ccf0, 0x1ccf9],
  [0x1e5f1, 0x1e5fa],
];

/** Every character beside a letter, a number, punctuation and spaces, many to a text. */
function characterTexts() {
  const surrogate = [0xd800, 0xdfff]; // no character of its own
  const none = [surrogate, ...LEFT_OUT];
  const texts = [];
  for (let start = 0; start < 0x110000; start += 64) {
    let text = "";
    for (let code = start; code < start + 64; code++) {
      if (none.some(([first, last]) => code >= first && code <= last)) continue;
      const character = String.fromCodePoint(code);
      text += `a${character}1${character}!${character}  ${character}.`;
    }
    if (text !== "") texts.push(text);
  }
  return texts;
}

/** How many texts have other ids. */
function compareCharacters() {
  const texts = characterTexts();
  const input = texts.map((text) => `${JSON.stringify(text)}\n`).join("");
  const output = execFileSync(options.parley, ["tokenize", "--jsonl", "--model", file], {
    input,
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  const rows = output.trimEnd().split("\n");
  const different = texts.filter((text, at) => String(JSON.parse(rows[at])) !== String([...model.tokenize(text, false)]));
  for (const text of different.slice(0, 5)) {
    console.log(`DIFFERENT IDS around U+${text.codePointAt(1).toString(16).toUpperCase()}`);
  }
  console.log(`every character, ${texts.length} texts: ${different.length} with other ids`);
  return different.length;
}

let nearTie = Number(options["near-tie"]); // logits
if (options["near-tie"] === undefined) {
  const ours = await marginErrors((prompt) => parleyLogits(prompt, "kernels"));
  nearTie = ours.most;
  printErrors("Parley's", ours);
  printErrors("llama.cpp's", await marginErrors(llamaLogits));
}

let failures = options.characters ? compareCharacters() : 0;
const otherIds = failures;
let ties = 0;
for (const prompt of PROMPTS) {
  const ours = parleyComplete(prompt);
  const theirIds = model.tokenize(prompt, isChat(prompt));
  const label = JSON.stringify(prompt);
  if (JSON.stringify([...theirIds]) !== JSON.stringify(ours.prompt_ids)) {
    console.log(`DIFFERENT IDS ${label}: parley ${ours.prompt_ids}, llama.cpp ${theirIds}`);
    failures++;
    continue;
  }
  const theirs = await llamaComplete(theirIds);
  const length = Math.min(theirs.length, ours.ids.length);
  let at = 0;
  while (at < length && theirs[at] === ours.ids[at]) at++;
  if (at === length) {
    console.log(`equal, ${length} tokens: ${label}`);
  } else {
    const gap = Math.min(margin(ours, at, theirs[at]), exactMargin(prompt, ours, at, theirs[at]));
    const explained = gap < nearTie;
    if (explained) ties++;
    else failures++;
    console.log(`${explained ? "near-tie" : "DIFFERENT"} at token ${at}, margin ${gap.toFixed(4)} logits: ${label}`);
  }
}
console.log(`${PROMPTS.length + otherIds - failures - ties} equal, ${ties} near-ties, ${failures - otherIds} different`);
process.exit(failures === 0 ? 0 : 1);
