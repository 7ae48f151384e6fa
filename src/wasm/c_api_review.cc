// The calls of c_api.h that look at tokens which stand already.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/math.h"
#include "chat/review.h"
#include "chat/session.h"
#include "wasm/handle.h"

namespace parley {
namespace {

// Scores cross as they are.
static_assert(sizeof(TokenScore) == sizeof(ParleyScore));
static_assert(offsetof(TokenScore, logprob) == offsetof(ParleyScore, logprob));
static_assert(offsetof(TokenScore, entropy) == offsetof(ParleyScore, entropy));
static_assert(offsetof(TokenScore, id) == offsetof(ParleyScore, id));
static_assert(offsetof(TokenScore, rank) == offsetof(ParleyScore, rank));

Result<Review*> NeedReview(Parley* parley) {
  TRY(NeedEngine(parley));
  Review* review = parley->session->review();
  if (review == nullptr) return MakeError(Code::kBadState, "no tokens were given to look at");
  return review;
}

Status DescribeReview(Parley* parley) {
  const Review& review = *parley->session->review();
  JsonWriter json;
  json.BeginObject();
  json.Key("begin").Number(review.begin());
  json.Key("ids").BeginArray();
  for (const int32_t id : review.ids()) json.Number(id);
  json.EndArray().EndObject();
  return SetResult(parley, json.text());
}

Status ReviewReply(Parley* parley, std::span<const int32_t> ids, std::string_view text) {
  TRY(NeedEngine(parley));
  TRY(NeedMemoryForText(text.size(), text.size()));
  TRY(parley->session->BeginReview(ids, text));
  return DescribeReview(parley);
}

Status ReviewText(Parley* parley, std::string_view text) {
  TRY(NeedEngine(parley));
  TRY(NeedMemoryForText(text.size(), text.size()));
  TRY(parley->session->BeginTextReview(text, parley->options));
  return DescribeReview(parley);
}

Status ReviewNext(Parley* parley) {
  TRY_ASSIGN(Review * review, NeedReview(parley));
  TRY_ASSIGN(const auto scores, review->Next());
  parley->result_view = {reinterpret_cast<const uint8_t*>(scores.data()),
                         static_cast<uint32_t>(scores.size_bytes())};
  return {};
}

std::string TraceToJson(const SamplerTrace& trace) {
  JsonWriter json;
  json.BeginObject();
  json.Key("left").BeginArray();
  for (const uint32_t left : trace.left) json.Number(left);
  json.EndArray();
  json.Key("tokens").BeginArray();
  for (const TracedToken& token : trace.tokens) {
    json.BeginObject();
    json.Key("id").Number(token.id);
    json.Key("probabilities").BeginArray();
    for (const double probability : token.probability) json.Number(probability);
    json.EndArray();
    json.Key("removed_by");
    if (token.removed_by == SamplerStep::kRaw) {
      json.Null();
    } else {
      json.String(SamplerStepName(token.removed_by));
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.text();
}

Status ReviewToken(Parley* parley, uint32_t position) {
  TRY_ASSIGN(Review * review, NeedReview(parley));
  TRY_ASSIGN(const auto trace, review->Inspect(position));
  return SetResult(parley, trace ? TraceToJson(*trace) : "");
}

Status ReviewPass(Parley* parley, uint32_t position) {
  TRY_ASSIGN(Review * review, NeedReview(parley));
  TRY_ASSIGN(const auto weights, review->Trace(position));
  parley->result_view = {reinterpret_cast<const uint8_t*>(weights.data()),
                         static_cast<uint32_t>(weights.size_bytes())};
  return {};
}

void AppendToken(const TokenScore& token, JsonWriter* json) {
  json->BeginObject();
  json->Key("id").Number(token.id);
  json->Key("probability").Number(Exp(token.logprob));
  json->Key("rank").Number(token.rank);
  json->EndObject();
}

Status ReviewLayer(Parley* parley, uint32_t layers) {
  TRY_ASSIGN(Review * review, NeedReview(parley));
  TRY_ASSIGN(const LayerView view, review->Layer(layers));
  JsonWriter json;
  json.BeginObject();
  json.Key("values").BeginArray();
  for (const float value : view.values) json.Number(double{value});
  json.EndArray();
  json.Key("norm").Number(view.norm);
  json.Key("change").Number(view.change);
  json.Key("best").BeginArray();
  for (const TokenScore& token : view.best) {
    if (token.id >= 0) AppendToken(token, &json);
  }
  json.EndArray();
  json.Key("chosen");
  if (view.chosen.id < 0) {
    json.Null();
  } else {
    AppendToken(view.chosen, &json);
  }
  json.EndObject();
  return SetResult(parley, json.text());
}

}  // namespace
}  // namespace parley

int32_t parley_review_reply(Parley* parley, const int32_t* ids, uint32_t count, const char* text,
                            uint32_t text_size) {
  return parley::End(parley, parley::ReviewReply(parley, {ids, count}, {text, text_size}));
}
int32_t parley_review_text(Parley* parley, const char* text, uint32_t size) {
  return parley::End(parley, parley::ReviewText(parley, {text, size}));
}
int32_t parley_review_next(Parley* parley) {
  return parley::End(parley, parley::ReviewNext(parley));
}
int32_t parley_review_token(Parley* parley, uint32_t position) {
  return parley::End(parley, parley::ReviewToken(parley, position));
}
int32_t parley_review_pass(Parley* parley, uint32_t position) {
  return parley::End(parley, parley::ReviewPass(parley, position));
}
int32_t parley_review_layer(Parley* parley, uint32_t layers) {
  return parley::End(parley, parley::ReviewLayer(parley, layers));
}
