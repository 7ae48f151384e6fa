// Sessions over a model that says what a script tells it: steps, cache reuse, endings, text,
// errors, cancelling.
#include "chat/session.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "tokenizer/gpt2_vocabulary.h"

namespace parley {
namespace {

constexpr float kSure = 20;  // logit of the scripted token; all others have 0

// Prefers script[i] after its i-th request for logits since Say, then the end-of-text token.
class ScriptedModel final : public LanguageModel {
 public:
  ScriptedModel(uint32_t vocab_size, uint32_t context, int32_t eos) : eos_(eos) {
    config_.vocab_size = vocab_size;
    config_.context_length = context;
  }

  void Say(std::vector<int32_t> script) {
    script_ = std::move(script);
    said_ = 0;
    steps.clear();
  }

  const ModelConfig& config() const override { return config_; }
  uint32_t context() const override { return config_.context_length; }
  uint32_t length() const override { return static_cast<uint32_t>(tokens.size()); }
  void Truncate(uint32_t length) override {
    REQUIRE(length <= tokens.size());
    tokens.resize(length);
  }
  Status Forward(std::span<const int32_t> ids, LogitsOf which, std::span<float> logits) override {
    REQUIRE_FALSE(ids.empty());
    REQUIRE(tokens.size() + ids.size() <= context());
    steps.push_back(ids.size());
    if (ms_per_token > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(ms_per_token * ids.size()));
    }
    if (poisoned) return MakeError(Code::kNonfinite, "a logit is NaN");
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    if (which != LogitsOf::kLast) return {};
    REQUIRE(logits.size() == config_.vocab_size);
    std::fill(logits.begin(), logits.end(), 0.0f);
    const int32_t next = said_ < script_.size() ? script_[said_] : eos_;
    ++said_;
    logits[static_cast<size_t>(next)] = kSure;
    return {};
  }
  // Sessions have nobody look on.
  Status ForwardTraced(int32_t, const PassTrace&) override {
    return MakeError(Code::kBadState, "a script has no layers");
  }
  Status Unembed(std::span<const float>, std::span<float>) override {
    return MakeError(Code::kBadState, "a script has no layers");
  }

  std::vector<int32_t> tokens;  // in the cache
  std::vector<size_t> steps;    // tokens of each Forward since Say
  uint32_t ms_per_token = 0;
  bool poisoned = false;

 private:
  ModelConfig config_;
  int32_t eos_;
  std::vector<int32_t> script_;
  size_t said_ = 0;
};

struct Reply {
  std::string text;
  std::vector<std::string> pieces;  // text of each event that had some
  std::vector<int32_t> ids;
  FinishReason reason = FinishReason::kNone;
  std::vector<uint32_t> prefilled;
  Code error = Code::kOk;
};

struct SessionFixture {
  std::unique_ptr<Tokenizer> tokenizer;
  int32_t eos, user, assistant;
  std::unique_ptr<ScriptedModel> model;
  std::unique_ptr<Session> session;
  GenerationOptions options;

  explicit SessionFixture(uint32_t context = 1000, ChatFormat format = ChatFormat::kRoleTokens) {
    TestVocabulary vocabulary = ByteVocabulary();
    eos = vocabulary.AddSpecial("<|endoftext|>");
    user = vocabulary.AddSpecial("<|user|>");
    assistant = vocabulary.AddSpecial("<|assistant|>");
    vocabulary.AddSpecial("<|system|>");
    auto made = vocabulary.Make();
    REQUIRE(made.ok());
    tokenizer = std::move(*made);
    model = std::make_unique<ScriptedModel>(tokenizer->size(), context, eos);
    SessionModel parts;
    parts.model = model.get();
    parts.tokenizer = tokenizer.get();
    parts.style.format = format;
    parts.eos_id = eos;
    auto session_made = Session::Make(parts);
    REQUIRE(session_made.ok());
    session = std::move(*session_made);
    options.temperature = 0;
    options.has_seed = true;
  }

  std::vector<int32_t> Ids(std::string_view text, bool special = false) const {
    return Encode(*tokenizer, text, special);
  }
  Reply Run() {
    Reply reply;
    for (;;) {
      const Event event = session->Next();
      if (!event.text.empty()) reply.pieces.emplace_back(event.text);
      reply.text += event.text;
      switch (event.kind) {
        case Event::Kind::kPrefill:
          reply.prefilled.push_back(event.prefilled);
          break;
        case Event::Kind::kDraft:
          break;
        case Event::Kind::kToken:
          reply.ids.push_back(event.id);
          break;
        case Event::Kind::kDone:
          reply.reason = event.reason;
          return reply;
        case Event::Kind::kError:
          reply.error = event.error.code;
          return reply;
      }
    }
  }
  Reply Complete(std::string_view prompt, std::string_view script, bool special = false) {
    model->Say(Ids(script, true));
    const Status status = session->BeginCompletion(prompt, special, options);
    INFO(status.error().message);
    REQUIRE(status.ok());
    return Run();
  }
  Reply Chat(std::vector<Message> messages, std::string_view script) {
    model->Say(Ids(script, true));
    const Status status = session->BeginChat(messages, options);
    INFO(status.error().message);
    REQUIRE(status.ok());
    return Run();
  }
};

TEST_CASE("A completion gives the model's tokens until the end-of-text token") {
  SessionFixture f;
  const Reply reply = f.Complete("Once", " upon");
  CHECK(reply.text == " upon");
  CHECK(reply.reason == FinishReason::kStop);
  std::vector<int32_t> expected = f.Ids(" upon");
  expected.push_back(f.eos);
  CHECK(reply.ids == expected);  // the end token is among the ids and counted
  CHECK(std::ranges::equal(f.session->generated_ids(), expected));
  CHECK(std::ranges::equal(f.session->prompt_ids(), f.Ids("Once")));
  CHECK(f.session->usage().prompt_tokens == 4);
  CHECK(f.session->usage().completion_tokens == 6);
  CHECK(f.session->usage().context == 1000);
}

TEST_CASE("Prefill goes in steps of at most 64 tokens and says how far it is") {
  SessionFixture f;
  const Reply reply = f.Complete(std::string(300, 'x'), "y");
  CHECK(*std::max_element(f.model->steps.begin(), f.model->steps.end()) <= 64);
  CHECK(reply.prefilled.size() > 4);
  CHECK(std::is_sorted(reply.prefilled.begin(), reply.prefilled.end()));
  CHECK(reply.prefilled.back() == 300);
}

TEST_CASE("A slow model gets prefill steps of about 100 ms") {
  SessionFixture f;
  f.model->ms_per_token = 4;
  f.Complete(std::string(80, 'x'), "y");
  for (size_t i = 1; i < f.model->steps.size(); ++i) CHECK(f.model->steps[i] <= 25);
}

TEST_CASE("A second turn runs only its own tokens") {
  SessionFixture f;
  std::vector<Message> messages = {{Role::kUser, "Hi!"}};
  const Reply first = f.Chat(messages, "Hello.<|user|>");
  CHECK(first.text == "Hello.");
  CHECK(first.ids.back() == f.user);
  CHECK(f.session->usage().cached_tokens == 0);
  const uint32_t first_prompt = f.session->usage().prompt_tokens;
  messages.push_back({Role::kAssistant, "Hello."});
  messages.push_back({Role::kUser, "Bye."});
  f.Chat(messages, "Bye!");
  // What was in the cache: the prompt and the reply's words, without its end token, which never
  // ran.
  CHECK(f.session->usage().cached_tokens == first_prompt + 6);
  size_t ran = 0;
  for (size_t step : f.model->steps) ran += step;
  // "<|user|>Bye.<|assistant|>" and "Bye!", the end token not.
  CHECK(ran == 6 + 4);
  CHECK(f.tokenizer->Decode(f.model->tokens, false).value() ==
        "<|user|>Hi!<|assistant|>Hello.<|user|>Bye.<|assistant|>Bye!");
}

TEST_CASE("The same prompt again runs its last token only") {
  SessionFixture f;
  f.Complete("abcdef", "x");
  f.Complete("abcdef", "y");
  CHECK(f.session->usage().cached_tokens == 5);
  CHECK(f.model->steps == std::vector<size_t>{1, 1});
  f.Complete("abcxyz", "z");
  CHECK(f.session->usage().cached_tokens == 3);
}

TEST_CASE("I1: a reply that meets the end of the context stops with length") {
  SessionFixture f(16);
  const Reply reply = f.Complete("12345", std::string(100, 'x'));
  CHECK(reply.reason == FinishReason::kLength);
  CHECK(reply.ids.size() == 11);
  CHECK(reply.text == std::string(11, 'x'));
  CHECK(f.model->length() <= 16);
}

TEST_CASE("I1: a prompt without room for a reply is CONTEXT_FULL, and the session goes on") {
  SessionFixture f(16);
  f.model->Say({});
  const Status status = f.session->BeginCompletion(std::string(16, 'x'), false, f.options);
  CHECK(status.error().code == Code::kContextFull);
  CHECK(status.error().message == "the prompt needs 16 tokens; 15 are available");
  CHECK(f.Complete(std::string(15, 'x'), "abc").text == "a");
}

TEST_CASE(
    "max_tokens and max_length stop with length; an end token in the last place stops with stop") {
  SessionFixture f;
  f.options.max_tokens = 3;
  Reply reply = f.Complete("12345", "abcdef");
  CHECK(reply.text == "abc");
  CHECK(reply.reason == FinishReason::kLength);
  CHECK(f.Complete("12345", "ab").reason == FinishReason::kStop);
  f.options.max_tokens = 0;
  f.options.max_length = 7;
  reply = f.Complete("12345", "abcdef");
  CHECK(reply.text == "ab");
  CHECK(reply.reason == FinishReason::kLength);
}

TEST_CASE(
    "I2: bad options and a prompt at or over max_length are BAD_ARG and leave the session usable") {
  SessionFixture f;
  f.Complete("abc", "d");
  const auto code = [&](auto change) {
    GenerationOptions options = f.options;
    change(options);
    const Status status = f.session->BeginCompletion("12345", false, options);
    CHECK(f.session->Next().error.code == Code::kBadState);
    return status.error().code;
  };
  CHECK(code([](auto& o) { o.max_length = 5; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.max_length = 4; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.temperature = std::numeric_limits<double>::quiet_NaN(); }) ==
        Code::kBadArg);
  CHECK(code([](auto& o) { o.top_p = -1; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.stop_token_ids = {100000}; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.max_tokens = o.max_length = 50; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.has_seed = false; }) == Code::kBadArg);
  CHECK(f.session->BeginChat({}, f.options).error().code == Code::kBadArg);
  CHECK(f.Complete("12345", "ok").text == "ok");
}

TEST_CASE("I3: logits that are no numbers end the reply; the cache stays and the session goes on") {
  SessionFixture f;
  f.Complete("abcdef", "xyz");
  f.model->Say(f.Ids("more"));
  f.model->poisoned = true;
  REQUIRE(f.session->BeginCompletion("abcdefg", false, f.options).ok());
  CHECK(f.Run().error == Code::kNonfinite);
  CHECK(f.session->Next().error.code == Code::kBadState);
  f.model->poisoned = false;
  CHECK(f.Complete("abcdefg", "h").text == "h");
  CHECK(f.session->usage().cached_tokens == 6);
}

TEST_CASE("I4: an empty prompt starts from the end-of-text token") {
  SessionFixture f;
  CHECK(f.Complete("", "hello").text == "hello");
  CHECK(std::ranges::equal(f.session->prompt_ids(), std::vector<int32_t>{f.eos}));
}

TEST_CASE("I5: cancelling stops at the next step, in prefill and in decode, and keeps the text") {
  SessionFixture f;
  f.model->Say(f.Ids("abcdef"));
  REQUIRE(f.session->BeginCompletion(std::string(200, 'x'), false, f.options).ok());
  CHECK(f.session->Next().kind == Event::Kind::kPrefill);
  f.session->Cancel();
  Event event = f.session->Next();
  CHECK(event.kind == Event::Kind::kDone);
  CHECK(event.reason == FinishReason::kAborted);
  CHECK(f.model->steps.size() == 1);

  f.model->Say(f.Ids("ab"));
  f.options.stop = {"bc"};
  REQUIRE(f.session->BeginCompletion("12", false, f.options).ok());
  std::string text;
  do {
    event = f.session->Next();
    text += event.text;
  } while (event.id != f.Ids("b")[0]);
  CHECK(text == "a");  // "b" may become "bc"
  f.session->Cancel();
  event = f.session->Next();
  CHECK(event.reason == FinishReason::kAborted);
  CHECK(event.text == "b");
  CHECK(f.session->Next().error.code == Code::kBadState);

  f.session->Cancel();  // nothing runs: the next reply is not touched
  CHECK(f.Complete("12", "xyz").text == "xyz");
}

TEST_CASE("Beginning again drops a running reply") {
  SessionFixture f;
  f.model->Say(f.Ids("abcdef"));
  REQUIRE(f.session->BeginCompletion("12", false, f.options).ok());
  f.session->Next();
  f.session->Next();
  const Reply reply = f.Complete("12", "new");
  CHECK(reply.text == "new");
}

TEST_CASE("T5: a character split between tokens is shown whole") {
  SessionFixture f;
  const Reply reply = f.Complete("x", "a你🙂b");
  CHECK(reply.ids.size() == 1 + 3 + 4 + 1 + 1);
  CHECK(reply.pieces == std::vector<std::string>{"a", "你", "🙂", "b"});
}

TEST_CASE("T5: bytes that never become a character are U+FFFD, as decoding all ids gives") {
  SessionFixture f;
  const std::vector<int32_t> moon = f.Ids("月");
  std::vector<int32_t> script = {moon[0], moon[1], f.Ids("z")[0], moon[0]};
  f.model->Say(script);
  REQUIRE(f.session->BeginCompletion("x", false, f.options).ok());
  const Reply reply = f.Run();
  CHECK(reply.text == "\xEF\xBF\xBDz\xEF\xBF\xBD");
  CHECK(reply.text == f.tokenizer->Decode(reply.ids, true).value());
}

TEST_CASE("A stop text is cut from the text, across tokens; its tokens stay in ids") {
  SessionFixture f;
  f.options.stop = {"END", "\n\n"};
  const Reply reply = f.Complete("x", "some EN text\nEND more");
  CHECK(reply.text == "some EN text\n");
  CHECK(reply.reason == FinishReason::kStop);
  CHECK(reply.ids == f.Ids("some EN text\nEND"));
  CHECK(f.session->usage().completion_tokens == reply.ids.size());
  // Held back at the end of the reply, it is shown after all.
  CHECK(f.Complete("x", "maybe EN").text == "maybe EN");
}

TEST_CASE("Stop token ids stop, and are not text") {
  SessionFixture f;
  f.options.stop_token_ids = {f.Ids("!")[0]};
  const Reply reply = f.Complete("x", "Hey! You");
  CHECK(reply.text == "Hey");
  CHECK(reply.ids == f.Ids("Hey!"));
  CHECK(reply.reason == FinishReason::kStop);
}

TEST_CASE("ignore_eos goes on past the end token, which is no text") {
  SessionFixture f;
  f.options.ignore_eos = true;
  f.options.max_tokens = 6;
  const Reply reply = f.Complete("x", "ab<|endoftext|>cd");
  CHECK(reply.text == "abcd");
  CHECK(reply.ids.size() == 6);
  CHECK(reply.reason == FinishReason::kLength);
}

TEST_CASE("min_tokens keeps end tokens away") {
  SessionFixture f;
  f.options.min_tokens = 3;
  const Reply reply = f.Complete("x", "<|endoftext|><|endoftext|><|endoftext|>");
  // Equal logits besides: the lowest id.
  CHECK(reply.ids == std::vector<int32_t>{0, 0, 0, f.eos});
}

TEST_CASE("Penalties see words, not role tokens, of prompt and reply") {
  SessionFixture f;
  f.options.no_repeat_ngram_size = 1;
  // Every word of the prompt is banned, so that the scripted "a" gives way to the lowest id that is
  // free, '"'.
  const Reply reply = f.Chat({{Role::kUser, "!a"}}, "a<|user|>");
  CHECK(reply.ids ==
        std::vector<int32_t>{1, f.user});  // <|user|> was in the prompt, but is no word
}

TEST_CASE("T6: special tokens in a prompt are text unless asked for") {
  SessionFixture f;
  f.Complete("<|user|>", "x");
  CHECK(f.session->prompt_ids().size() == 8);
  f.Complete("<|user|>", "x", true);
  CHECK(std::ranges::equal(f.session->prompt_ids(), std::vector<int32_t>{f.user}));
}

TEST_CASE("Log-probabilities come with each token when asked for") {
  SessionFixture f;
  f.options.top_logprobs = 2;
  f.options.logit_bias = {{f.Ids("z")[0], 100}};  // log-probabilities are of the raw logits
  f.model->Say(f.Ids("a"));
  REQUIRE(f.session->BeginCompletion("x", false, f.options).ok());
  f.session->Next();
  const Event event = f.session->Next();
  REQUIRE(event.kind == Event::Kind::kToken);
  const double log_sum = std::log(std::exp(20.0) + f.tokenizer->size() - 1);
  CHECK(event.id == f.Ids("z")[0]);
  CHECK_THAT(event.logprob, Catch::Matchers::WithinAbs(-log_sum, 1e-12));
  REQUIRE(event.alternatives.size() == 2);
  CHECK(event.alternatives[0].id == f.Ids("a")[0]);
  CHECK_THAT(event.alternatives[0].logprob, Catch::Matchers::WithinAbs(20 - log_sum, 1e-12));
  CHECK(event.alternatives[1].id == 0);
}

TEST_CASE("transcript: the space before a reply is layout, a continued reply's is not") {
  SessionFixture f(1000, ChatFormat::kTranscript);
  CHECK(f.Chat({{Role::kUser, "Hi"}}, " Hello.\nUser: x").text == "Hello.");
  CHECK(f.Chat({{Role::kUser, "Hi"}}, "Hello.\n\nx").text == "Hello.");
  CHECK(f.Chat({{Role::kUser, "Hi"}, {Role::kAssistant, "Hel"}}, " lo\n\n").text == " lo");
}

TEST_CASE(
    "The room for a reply is min(max_tokens, a quarter of the context), the target three "
    "quarters") {
  GenerationOptions options;
  CHECK(PromptBudgetOf(512, options).limit == 384);
  CHECK(PromptBudgetOf(512, options).target == 384);
  options.max_tokens = 64;
  CHECK(PromptBudgetOf(512, options).limit == 448);
  CHECK(PromptBudgetOf(512, options).target == 384);
  options.max_tokens = 400;
  CHECK(PromptBudgetOf(512, options).limit == 384);
}

TEST_CASE("A long conversation loses whole oldest exchanges and says which") {
  SessionFixture f(64);
  f.options.max_tokens = 8;
  const std::vector<Message> messages = {{Role::kUser, "11111111111"},
                                         {Role::kAssistant, "2222222222"},
                                         {Role::kUser, "33333333333"},
                                         {Role::kAssistant, "4444444444"},
                                         {Role::kUser, "5555555"}};
  // With role tokens: 12 + 11, 12 + 11, 8, and one for the reply: 55, below 56.
  f.Chat(messages, "ok");
  CHECK(f.session->message_dropped() == std::vector<bool>(5, false));
  std::vector<Message> longer = messages;
  longer.back().content = "555555555";
  f.Chat(longer, "ok");  // 57 is over 56: down to 48
  CHECK(f.session->message_dropped() == std::vector<bool>{true, true, false, false, false});
  CHECK(f.session->usage().prompt_tokens == 34);
  f.Complete("x", "y");
  CHECK(f.session->message_dropped().empty());
}

TEST_CASE("CONTEXT_FULL when the last message alone does not fit; what was there stays") {
  SessionFixture f(64);
  f.Chat({{Role::kUser, "Hi"}}, "ok");
  const uint32_t length = f.model->length();
  const std::string content(60, 'x');
  const std::vector<Message> messages = {{Role::kUser, content}};
  const Status status = f.session->BeginChat(messages, f.options);
  CHECK(status.error().code == Code::kContextFull);
  CHECK(f.model->length() == length);
}

TEST_CASE("add_bos puts the beginning token first, once") {
  SessionFixture f;
  SessionModel parts;
  parts.model = f.model.get();
  parts.tokenizer = f.tokenizer.get();
  parts.style.format = ChatFormat::kRoleTokens;
  parts.eos_id = parts.bos_id = f.eos;
  parts.add_bos = true;
  f.session = std::move(*Session::Make(parts));
  f.Chat({{Role::kUser, "a"}}, "b");
  CHECK(std::ranges::equal(f.session->prompt_ids(),
                           f.Ids("<|endoftext|><|user|>a<|assistant|>", true)));
  f.Complete("", "b");
  CHECK(std::ranges::equal(f.session->prompt_ids(), std::vector<int32_t>{f.eos}));
}

}  // namespace
}  // namespace parley
