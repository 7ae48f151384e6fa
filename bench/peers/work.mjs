// The work that every engine does: prompts of a known number of tokens, no two with the same beginning, so that no engine
// finds one in its cache; what runs before the clock starts; how many tokens are timed.

const FIRST = [' of', ' and', ' to', ' in', ' for', ' is', ' on', ' with', ' that', ' was', ' at', ' are'];
let made = 0;

/** Text of `tokens` tokens in GPT-2's vocabulary, in parley-17m's and in SmolLM2's. */
export function prompt(tokens) {
  made += 1;
  return FIRST[made % FIRST.length] + ' the'.repeat(tokens - 1);
}

/** The context to load a model with. */
export const contextOf = (model) => (model === 'parley-17m' ? 512 : 1024);

/** Tokens of prefill: 512, or as many as leave room for a reply. */
export const prefillOf = (model) => Math.min(512, contextOf(model) - 64);

export const DECODE = { prompt: 16, tokens: 128 };

/** Prompt and reply lengths that come before the clock starts: a browser compiles hot functions again while they run. */
export const WARM_UP = [
  [16, 16],
  [64, 2],
  [16, 16],
];

/** Throws when an engine did other work than it was asked to. */
export function check(result, promptTokens, tokens) {
  if (result.prompt_tokens !== promptTokens || result.tokens !== tokens || result.cached_tokens > 0) {
    throw new Error(`asked for ${promptTokens} and ${tokens} tokens, did ${JSON.stringify(result)}`);
  }
  return result;
}

/** Runs the whole of it with `generate(prompt, tokens)`, once: tokens a second of prefill and decode. */
export async function measure(generate, model) {
  for (const [promptTokens, tokens] of WARM_UP) check(await generate(prompt(promptTokens), tokens), promptTokens, tokens);
  const prefill = prefillOf(model);
  const first = check(await generate(prompt(prefill), 1), prefill, 1);
  const reply = check(await generate(prompt(DECODE.prompt), DECODE.tokens), DECODE.prompt, DECODE.tokens);
  return { prefill_per_second: (prefill * 1000) / first.first_ms, decode_per_second: reply.per_second };
}
