// The C interface of the wasm builds: handles, bytes and numbers, no logic. The web library's
// wasm_session.ts is its only caller; its list of names is exports.txt. Text is UTF-8 with an
// explicit length. Functions that return int32_t return 0 or the negated number of an error code
// (base/result.h); parley_error then has the message.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Parley Parley;

typedef struct ParleyBytes {
  const uint8_t* data;
  uint32_t size;
} ParleyBytes;

typedef struct ParleyError {
  int32_t code;  // a number of base/result.h, 0 when the last call succeeded
  uint32_t has_offset;
  double offset;  // bytes into the file
  ParleyBytes message;
} ParleyError;

typedef struct ParleyAlternative {
  double logprob;
  int32_t id;
  int32_t reserved;
} ParleyAlternative;

enum { PARLEY_PREFILL = 0, PARLEY_TOKEN = 1, PARLEY_DONE = 2, PARLEY_FAILED = 3, PARLEY_DRAFT = 4 };
enum { PARLEY_STOP = 1, PARLEY_LENGTH = 2, PARLEY_ABORTED = 3 };

typedef struct ParleyEvent {
  double logprob;
  ParleyBytes text;  // bytes to show now
  const ParleyAlternative* alternatives;
  uint32_t n_alternatives;
  int32_t kind;  // PARLEY_PREFILL, ...
  int32_t id;
  int32_t reason;  // PARLEY_STOP, ... when kind is PARLEY_DONE
  uint32_t prompt_tokens;
  uint32_t cached_tokens;
  uint32_t prefilled_tokens;
  uint32_t completion_tokens;
  uint32_t context;
  uint32_t threads;  // that the next token will use
} ParleyEvent;

// How a token was found by what predicted it.
typedef struct ParleyScore {
  double logprob;  // nats
  double entropy;  // nats, of the whole distribution
  int32_t id;
  uint32_t rank;  // 1: the likeliest; 0: nothing stands before it
} ParleyScore;

enum {
  PARLEY_CONVERT_READ = 0,
  PARLEY_CONVERT_WRITE = 1,
  PARLEY_CONVERT_DONE = 2,
  PARLEY_CONVERT_FAILED = 3
};

// READ: fill data[0, size) with the bytes from `offset` of the weights file number `file`, then ask
// for the next step. WRITE: data[0, size) are the next bytes of the GGUF file. Valid until the next
// step.
typedef struct ParleyConvertStep {
  double offset;
  double written_bytes;  // of the GGUF file, this step's included
  double output_bytes;   // of the whole GGUF file; 0 until its first bytes are written
  uint8_t* data;
  uint32_t size;
  int32_t kind;  // PARLEY_CONVERT_READ, ...
  uint32_t file;
} ParleyConvertStep;

uint32_t parley_abi_version(void);
Parley* parley_create(void);  // null when memory is refused
void parley_destroy(Parley* parley);
void* parley_allocate(uint32_t bytes);  // staging for the caller; null when refused
void parley_release(void* pointer);
const ParleyError* parley_error(const Parley* parley);
const ParleyBytes* parley_result(
    const Parley* parley);  // what the last call that says so left here

// Result: the plan as JSON. `header`: a prefix of the file. TRUNCATED with a longer file: call
// again with more.
int32_t parley_plan(Parley* parley, const uint8_t* header, uint32_t header_size, double file_bytes,
                    uint32_t context, uint32_t threads);
// `tune_threads`: 0 uses `threads` always, else fewer where the first tokens show that to be
// faster.
int32_t parley_load_begin(Parley* parley, double file_bytes, uint32_t context, uint32_t threads,
                          int32_t tune_threads);
// With two "staged_parts" in the plan the bytes stay as they are until parley_load_write or
// parley_open is called next: the other threads repack them meanwhile, and that call may be the one
// to say what is wrong with them.
int32_t parley_load_write(Parley* parley, const uint8_t* bytes, uint32_t size);
// Result: what was loaded, as JSON: {"plan": {as parley_plan}, "kernels", "chat_format",
// "preset": the options that suit the format, "bos_id", "eos_id", "used_bytes": of the memory, what
// buffers take now}.
int32_t parley_open(Parley* parley);

int32_t parley_clear_options(Parley* parley);
int32_t parley_set_option(Parley* parley, const char* name, uint32_t name_size, const char* value,
                          uint32_t value_size);
int32_t parley_clear_messages(Parley* parley);
int32_t parley_add_message(Parley* parley, const char* role, uint32_t role_size, const char* text,
                           uint32_t text_size, int32_t pinned);
// Of the chats that are begun or counted next; "" is the model's own. A reply that runs goes on in
// its own.
int32_t parley_set_chat_format(Parley* parley, const char* id, uint32_t id_size);
// Result: {"options": {...}, "dropped": [bool], "prompt_ids": [id]} as JSON: resolved options with
// the seed, by message whether it was left out to fit (empty for a completion), and the prompt as
// tokens.
int32_t parley_begin_chat(Parley* parley);
int32_t parley_begin_completion(Parley* parley, const char* prompt, uint32_t prompt_size,
                                int32_t parse_special);
// The messages set, fitted, without starting: result {"tokens", "context", "dropped": [bool]} as
// JSON.
int32_t parley_count_chat(Parley* parley);
const ParleyEvent* parley_next(Parley* parley);
void parley_cancel(Parley* parley);

// Looks at tokens that stand already. parley_review_reply takes up what parley_begin_chat or
// parley_begin_completion has just begun, followed by a reply: its ids, or with none its text;
// parley_review_text a text of any length, with the options set. Result: {"ids": [id], "begin": the
// first that is looked at} as JSON.
int32_t parley_review_reply(Parley* parley, const int32_t* ids, uint32_t count, const char* text,
                            uint32_t text_size);
int32_t parley_review_text(Parley* parley, const char* text, uint32_t size);
// One bounded step each, call again for the next. Result of parley_review_next: ParleyScore values
// of the next tokens; none while those before them are computed, and after the last. Of
// parley_review_token: {"left": [tokens left], "tokens": [{"id", "probabilities": [p],
// "removed_by": name or null}]} as JSON, arrays by sampler step ("raw", "penalties", "temperature",
// "top_k", "top_p", "min_p", "typical_p"); empty while the tokens before `position` are computed.
int32_t parley_review_next(Parley* parley);
int32_t parley_review_token(Parley* parley, uint32_t position);
// What the pass attended to whose logits chose the token at `position`. Result: float values
// [layers, heads, positions of the window before it], each head's weights adding up to 1; empty
// while the tokens before it are computed: call again.
int32_t parley_review_pass(Parley* parley, uint32_t position);
// Of that pass, what the residual stream held after `layers` layers. Result: {"values": [the first
// 8], "norm", "change": norm of what the last of these layers added, "best": [{"id", "probability",
// "rank"}]: what the head makes of it, "chosen": the same of the token that stands next, or null}
// as JSON.
int32_t parley_review_layer(Parley* parley, uint32_t layers);

// Result: ids as int32 values.
int32_t parley_tokenize(Parley* parley, const char* text, uint32_t size, int32_t parse_special);
// Result: the bytes of one token, which may be part of a character.
int32_t parley_token_bytes(Parley* parley, int32_t id);
// Result: UTF-8. LIMIT: ids of over 16 MiB of text.
int32_t parley_detokenize(Parley* parley, const int32_t* ids, uint32_t count, int32_t skip_special);

// A Hugging Face checkpoint into GGUF, beside the model in use. Begin drops a conversion that is
// not done. `type`: "q8_0", "q4_0", "f16" or "f32" of the matrices; `name`: the model's where
// config.json has none.
int32_t parley_convert_begin(Parley* parley, const char* type, uint32_t type_size, const char* name,
                             uint32_t name_size);
// A text by its file's name: config.json; vocab.json and merges.txt, or tokenizer.json;
// tokenizer_config.json, special_tokens_map.json, README.md where there are. Other names are passed
// over. Result: the weight files that it names as a JSON array, not empty for
// model.safetensors.index.json alone.
int32_t parley_convert_text(Parley* parley, const char* name, uint32_t name_size, const char* text,
                            uint32_t text_size);
// model.safetensors, or each of its shards: numbered from 0 in the order of the calls.
int32_t parley_convert_weights(Parley* parley, const char* name, uint32_t name_size,
                               double file_bytes);
// Steps of at most 1 MiB, but for the GGUF file's header. After DONE or FAILED everything that the
// conversion took is released.
const ParleyConvertStep* parley_convert_next(Parley* parley);

#ifdef __cplusplus
}
#endif
