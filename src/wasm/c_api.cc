// The calls of c_api.h on models and conversations; c_api_convert.cc has those on conversions,
// c_api_review.cc those that look at tokens.
#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/json_writer.h"
#include "chat/format.h"
#include "chat/session.h"
#include "engine/engine.h"
#include "engine/plan.h"
#include "wasm/handle.h"

namespace {

constexpr uint32_t kAbiVersion = 5;
constexpr uint32_t kMaxMessages = 10'000;

}  // namespace

namespace parley {
namespace {

Result<Role> ParseRole(std::string_view role) {
  if (role == "system") return Role::kSystem;
  if (role == "user") return Role::kUser;
  if (role == "assistant") return Role::kAssistant;
  return MakeError(Code::kBadArg, "role '" + std::string(role.substr(0, 40)) +
                                      "' is not one of system, user, assistant");
}

std::vector<Message> MessageViews(const Parley* parley) {
  std::vector<Message> views;
  views.reserve(parley->messages.size());
  for (const StoredMessage& message : parley->messages) {
    views.push_back({message.role, message.text, message.pinned});
  }
  return views;
}

Status PlanFile(Parley* parley, std::span<const uint8_t> header_bytes, double file_bytes,
                const LoadOptions& options) {
  TRY_ASSIGN(const GgufHeader header,
             GgufHeader::Parse(header_bytes, static_cast<uint64_t>(file_bytes)));
  TRY_ASSIGN(const Plan plan, MakePlan(header, static_cast<uint64_t>(file_bytes), options));
  return SetResult(parley, PlanToJson(plan));
}

Status BeginLoad(Parley* parley, double file_bytes, const LoadOptions& options) {
  parley->session.reset();
  parley->engine.reset();
  parley->loader.reset();
  TRY_ASSIGN(parley->loader, Loader::Begin(static_cast<uint64_t>(file_bytes), options));
  return {};
}

Status WriteLoad(Parley* parley, std::span<const uint8_t> bytes) {
  if (parley->loader == nullptr) return MakeError(Code::kBadState, "no load has begun");
  return parley->loader->Write(bytes);
}

Status AddMessage(Parley* parley, std::string_view role_name, std::string_view text, bool pinned) {
  TRY_ASSIGN(const Role role, ParseRole(role_name));
  if (parley->messages.size() == kMaxMessages) {
    return MakeError(Code::kLimit, "more than " + std::to_string(kMaxMessages) + " messages");
  }
  const uint64_t total = parley->message_bytes + text.size();
  const uint64_t longest = std::max<uint64_t>(parley->longest_message, text.size());
  TRY(NeedMemoryForText(total, longest));
  parley->message_bytes = total;
  parley->longest_message = longest;
  parley->messages.push_back({role, std::string(text), pinned});
  return {};
}

Status UseModel(Parley* parley, const SessionModel& model) {
  TRY_ASSIGN(parley->session, Session::Make(model));
  parley->model = model;
  return {};
}

Status Open(Parley* parley) {
  if (parley->loader == nullptr) return MakeError(Code::kBadState, "no load has begun");
  auto engine = parley->loader->Finish();
  parley->loader.reset();
  if (!engine.ok()) return std::move(engine).TakeError();
  TRY(UseModel(parley, (*engine)->session_model()));
  parley->style = parley->model.style;
  parley->alternatives.reserve(20);  // the most that top_logprobs asks for
  parley->engine = std::move(*engine);
  return SetResult(parley, EngineToJson(*parley->engine));
}

Status SetFormat(Parley* parley, std::string_view id) {
  TRY(NeedEngine(parley));
  ChatStyle style = parley->engine->session_model().style;
  if (!id.empty()) {
    TRY_ASSIGN(style.format, ParseChatFormat(id));
  }
  parley->style = std::move(style);
  return {};
}

// A session has one format: a chat of another begins in a new one, with an empty cache.
Status UseStyle(Parley* parley) {
  if (parley->style.format == parley->model.style.format) return {};
  SessionModel model = parley->model;
  model.style = parley->style;
  return UseModel(parley, model);
}

// What a reply was begun with: {"options": {...}, "prompt_ids": [...], "dropped": [...]}
Status DescribeBegin(Parley* parley, bool chat) {
  JsonWriter json;
  json.BeginArray();
  for (const int32_t id : parley->session->prompt_ids()) json.Number(id);
  json.EndArray();
  JsonWriter dropped;
  dropped.BeginArray();
  if (chat) {
    for (const bool message : parley->session->message_dropped()) dropped.Bool(message);
  }
  dropped.EndArray();
  return SetResult(parley, "{\"options\":" + OptionsToJson(parley->options) + ",\"prompt_ids\":" +
                               json.text() + ",\"dropped\":" + dropped.text() + "}");
}

Status BeginChat(Parley* parley) {
  TRY(NeedEngine(parley));
  TRY(NeedMemoryForText(parley->message_bytes, parley->longest_message));
  TRY(UseStyle(parley));
  TRY(parley->session->BeginChat(MessageViews(parley), parley->options));
  return DescribeBegin(parley, true);
}

// What BeginChat would prefill. A reply that is being written goes on.
Status CountChat(Parley* parley) {
  TRY(NeedEngine(parley));
  TRY(NeedMemoryForText(parley->message_bytes, parley->longest_message));
  const SessionModel& model = parley->model;
  const uint32_t begin_tokens = model.add_bos && model.bos_id >= 0 ? 1 : 0;
  const uint32_t context = model.model->context();
  const PromptBudget budget = PromptBudgetOf(context, parley->options);
  TRY_ASSIGN(const EncodedChat chat,
             EncodeChat(parley->style, *model.tokenizer, model.eos_id, MessageViews(parley),
                        budget.limit - begin_tokens, budget.target));
  JsonWriter json;
  json.BeginObject();
  json.Key("tokens").Number(chat.ids.size() + begin_tokens);
  json.Key("context").Number(context);
  json.Key("dropped").BeginArray();
  for (const bool dropped : chat.message_dropped) json.Bool(dropped);
  json.EndArray().EndObject();
  return SetResult(parley, json.text());
}

Status BeginCompletion(Parley* parley, std::string_view prompt, bool parse_special) {
  TRY(NeedEngine(parley));
  TRY(NeedMemoryForText(prompt.size(), prompt.size()));
  TRY(parley->session->BeginCompletion(prompt, parse_special, parley->options));
  return DescribeBegin(parley, false);
}

Status Tokenize(Parley* parley, std::string_view text, bool parse_special) {
  TRY(NeedEngine(parley));
  TRY(NeedMemoryForText(text.size(), text.size()));
  parley->ids.clear();
  TRY(parley->engine->tokenizer->Encode(text, parse_special, &parley->ids));
  parley->result_view = {reinterpret_cast<const uint8_t*>(parley->ids.data()),
                         static_cast<uint32_t>(parley->ids.size() * sizeof(int32_t))};
  return {};
}

Status TokenBytes(Parley* parley, int32_t id) {
  TRY(NeedEngine(parley));
  const Tokenizer& tokenizer = *parley->engine->tokenizer;
  if (id < 0 || static_cast<uint32_t>(id) >= tokenizer.size()) {
    return MakeError(Code::kBadArg, "token id " + std::to_string(id) + " is not below " +
                                        std::to_string(tokenizer.size()));
  }
  return SetResult(parley, std::string(tokenizer.Bytes(id)));
}

Status Detokenize(Parley* parley, std::span<const int32_t> ids, bool skip_special) {
  TRY(NeedEngine(parley));
  const Tokenizer& tokenizer = *parley->engine->tokenizer;
  uint64_t bytes = 0;
  for (const int32_t id : ids) bytes += tokenizer.Bytes(id).size();
  TRY(NeedMemoryForText(bytes, 0));
  TRY_ASSIGN(std::string text, tokenizer.Decode(ids, skip_special));
  return SetResult(parley, std::move(text));
}

const ParleyEvent* ViewEvent(Parley* parley) {
  const Event& event = parley->event;
  const Usage usage = parley->session != nullptr ? parley->session->usage() : Usage();
  parley->alternatives.clear();
  for (const TokenLogprob& alternative : event.alternatives) {
    parley->alternatives.push_back({alternative.logprob, alternative.id, 0});
  }
  ParleyEvent& view = parley->event_view;
  view.logprob = event.logprob;
  view.text = View(event.text);
  view.alternatives = parley->alternatives.data();
  view.n_alternatives = static_cast<uint32_t>(parley->alternatives.size());
  view.kind = static_cast<int32_t>(event.kind);
  view.id = event.id;
  view.reason = static_cast<int32_t>(event.reason);
  view.prompt_tokens = usage.prompt_tokens;
  view.cached_tokens = usage.cached_tokens;
  view.prefilled_tokens = event.prefilled;
  view.completion_tokens = usage.completion_tokens;
  view.context = usage.context;
  view.threads = usage.threads;
  return &view;
}

// The C API's numbers are the session's.
static_assert(static_cast<int>(Event::Kind::kPrefill) == PARLEY_PREFILL);
static_assert(static_cast<int>(Event::Kind::kToken) == PARLEY_TOKEN);
static_assert(static_cast<int>(Event::Kind::kDone) == PARLEY_DONE);
static_assert(static_cast<int>(Event::Kind::kError) == PARLEY_FAILED);
static_assert(static_cast<int>(Event::Kind::kDraft) == PARLEY_DRAFT);
static_assert(static_cast<int>(FinishReason::kStop) == PARLEY_STOP);
static_assert(static_cast<int>(FinishReason::kLength) == PARLEY_LENGTH);
static_assert(static_cast<int>(FinishReason::kAborted) == PARLEY_ABORTED);

}  // namespace
}  // namespace parley

uint32_t parley_abi_version(void) { return kAbiVersion; }

Parley* parley_create(void) { return new (std::nothrow) Parley; }
void parley_destroy(Parley* parley) { delete parley; }

void* parley_allocate(uint32_t bytes) { return ::operator new(bytes, std::nothrow); }
void parley_release(void* pointer) { ::operator delete(pointer); }

const ParleyError* parley_error(const Parley* parley) { return &parley->error_view; }
const ParleyBytes* parley_result(const Parley* parley) { return &parley->result_view; }

int32_t parley_plan(Parley* parley, const uint8_t* header, uint32_t header_size, double file_bytes,
                    uint32_t context, uint32_t threads) {
  return parley::End(
      parley, parley::PlanFile(parley, {header, header_size}, file_bytes, {context, threads}));
}
int32_t parley_load_begin(Parley* parley, double file_bytes, uint32_t context, uint32_t threads,
                          int32_t tune_threads) {
  return parley::End(parley,
                     parley::BeginLoad(parley, file_bytes, {context, threads, tune_threads != 0}));
}
int32_t parley_load_write(Parley* parley, const uint8_t* bytes, uint32_t size) {
  return parley::End(parley, parley::WriteLoad(parley, {bytes, size}));
}
int32_t parley_open(Parley* parley) { return parley::End(parley, parley::Open(parley)); }

int32_t parley_clear_options(Parley* parley) {
  parley->options = {};
  return parley::End(parley, {});
}
int32_t parley_set_option(Parley* parley, const char* name, uint32_t name_size, const char* value,
                          uint32_t value_size) {
  return parley::End(parley,
                     parley::SetOption({name, name_size}, {value, value_size}, &parley->options));
}
int32_t parley_clear_messages(Parley* parley) {
  parley->messages.clear();
  parley->message_bytes = 0;
  parley->longest_message = 0;
  return parley::End(parley, {});
}
int32_t parley_add_message(Parley* parley, const char* role, uint32_t role_size, const char* text,
                           uint32_t text_size, int32_t pinned) {
  return parley::End(parley,
                     parley::AddMessage(parley, {role, role_size}, {text, text_size}, pinned != 0));
}
int32_t parley_set_chat_format(Parley* parley, const char* id, uint32_t id_size) {
  return parley::End(parley, parley::SetFormat(parley, {id, id_size}));
}

int32_t parley_begin_chat(Parley* parley) { return parley::End(parley, parley::BeginChat(parley)); }
int32_t parley_begin_completion(Parley* parley, const char* prompt, uint32_t prompt_size,
                                int32_t parse_special) {
  return parley::End(parley,
                     parley::BeginCompletion(parley, {prompt, prompt_size}, parse_special != 0));
}
int32_t parley_count_chat(Parley* parley) { return parley::End(parley, parley::CountChat(parley)); }

const ParleyEvent* parley_next(Parley* parley) {
  const parley::Status ready = parley::NeedEngine(parley);
  parley->event = {};
  if (ready.ok()) {
    parley->event = parley->session->Next();
  } else {
    parley->event.kind = parley::Event::Kind::kError;
    parley->event.error = ready.error();
  }
  parley::End(parley, parley->event.kind == parley::Event::Kind::kError
                          ? parley::Status(parley->event.error)
                          : parley::Status());
  return parley::ViewEvent(parley);
}
void parley_cancel(Parley* parley) {
  if (parley->session != nullptr) parley->session->Cancel();
}

int32_t parley_tokenize(Parley* parley, const char* text, uint32_t size, int32_t parse_special) {
  return parley::End(parley, parley::Tokenize(parley, {text, size}, parse_special != 0));
}
int32_t parley_token_bytes(Parley* parley, int32_t id) {
  return parley::End(parley, parley::TokenBytes(parley, id));
}
int32_t parley_detokenize(Parley* parley, const int32_t* ids, uint32_t count,
                          int32_t skip_special) {
  return parley::End(parley, parley::Detokenize(parley, {ids, count}, skip_special != 0));
}
