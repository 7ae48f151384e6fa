// Options: every name, its range at both ends, and what is said when it is wrong.
#include "sampling/options.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <nlohmann/json.hpp>

namespace parley {
namespace {

Code SetCode(std::string_view name, std::string_view value) {
  GenerationOptions options;
  const Status status = SetOption(name, value, &options);
  if (!status.ok()) CHECK(status.error().message.find(name) != std::string::npos);
  return status.error().code;
}

struct RangeCase {
  const char* name;
  std::vector<const char*> good;
  std::vector<const char*> bad;
};

TEST_CASE("I2: an option is accepted in its range and refused by name outside it") {
  const std::vector<RangeCase> cases = {
      {"temperature",
       {"0", "2", "0.7", "1e-3"},
       {"-0.001", "2.001", "nan", "inf", "0x1", "", "hot", " 1", "1 "}},
      {"top_k", {"0", "1", "4294967295"}, {"-1", "1.5", "4294967296", "", "nan"}},
      {"top_p", {"1", "1e-9"}, {"0", "-0.5", "1.0001", "nan"}},
      {"min_p", {"0", "0.999"}, {"1", "-0.1", "nan"}},
      {"typical_p", {"1", "0.2"}, {"0", "1.1", "nan"}},
      {"repetition_penalty", {"0.5", "1", "100"}, {"0", "-1", "100.5", "nan"}},
      {"frequency_penalty", {"-2", "2"}, {"-2.01", "2.01", "nan"}},
      {"presence_penalty", {"-2", "2"}, {"-2.01", "2.01", "nan"}},
      {"repeat_last_n", {"0", "64"}, {"-1", "x"}},
      {"no_repeat_ngram_size", {"0", "3"}, {"-1", "3.0"}},
      {"min_tokens", {"0", "5"}, {"-1"}},
      {"min_new_tokens", {"0", "5"}, {"-1"}},
      {"max_tokens", {"1", "100"}, {"0", "-1", "ten"}},
      {"max_new_tokens", {"1"}, {"0"}},
      {"max_completion_tokens", {"1"}, {"0"}},
      {"max_length", {"1", "100"}, {"0", "-5"}},
      {"seed", {"0", "9007199254740991"}, {"9007199254740992", "-1", "1.5", "0x10"}},
      {"logit_bias",
       {"5:1.5", "0:-100", "7:100"},
       {"5", "5:", ":1", "5:100.1", "-1:0", "5:nan", "a:1"}},
      {"stop", {"x", "\n\n"}, {""}},
      {"stop_token_ids", {"0", "8188"}, {"-1", "x", "1,2"}},
      {"top_logprobs", {"0", "20"}, {"-1", "21", "true"}},
      {"logprobs", {"true", "false", "0", "20"}, {"-1", "21", "yes"}},
      {"best_of", {"1", "20"}, {"0", "21", "-1", "two"}},
      {"retry_repeats", {"0", "20"}, {"21", "-1", "x"}},
      {"ignore_eos", {"true", "false"}, {"1", ""}},
  };
  for (const RangeCase& range : cases) {
    for (const char* value : range.good) {
      INFO(range.name << " = '" << value << "'");
      CHECK(SetCode(range.name, value) == Code::kOk);
    }
    for (const char* value : range.bad) {
      INFO(range.name << " = '" << value << "'");
      CHECK(SetCode(range.name, value) == Code::kBadArg);
    }
  }
}

TEST_CASE("An unknown option is refused, never ignored") {
  CHECK(SetCode("tools", "[]") == Code::kUnsupportedOption);
  CHECK(SetCode("Temperature", "1") == Code::kUnsupportedOption);
  CHECK(SetCode("", "1") == Code::kUnsupportedOption);
  CHECK(SetCode("n", "2") == Code::kUnsupportedOption);
  CHECK(SetCode("n", "1") == Code::kOk);
}

TEST_CASE("Options land in their fields, aliases included") {
  GenerationOptions options;
  const auto set = [&](std::string_view name, std::string_view value) {
    REQUIRE(SetOption(name, value, &options).ok());
  };
  set("temperature", "0.25");
  set("max_new_tokens", "7");
  set("min_new_tokens", "3");
  set("stop", "a");
  set("stop", "b");
  set("stop_token_ids", "4");
  set("logit_bias", "4:1");
  set("logit_bias", "4:-2.5");
  set("logit_bias", "9:3");
  set("seed", "12345678901234");
  set("top_logprobs", "4");
  set("logprobs", "true");
  set("ignore_eos", "true");
  CHECK(options.temperature == 0.25);
  CHECK(options.max_tokens == 7);
  CHECK(options.min_tokens == 3);
  CHECK(options.stop == std::vector<std::string>{"a", "b"});
  CHECK(options.stop_token_ids == std::vector<int32_t>{4});
  CHECK(options.logit_bias == std::vector<std::pair<int32_t, double>>{{4, 1}, {4, -2.5}, {9, 3}});
  CHECK(options.has_seed);
  CHECK(options.seed == 12345678901234);
  CHECK(options.top_logprobs == 4);
  CHECK(options.ignore_eos);
}

TEST_CASE("At most 16 stop texts") {
  GenerationOptions options;
  for (int i = 0; i < 16; ++i) REQUIRE(SetOption("stop", "s", &options).ok());
  CHECK(SetOption("stop", "s", &options).error().code == Code::kBadArg);
}

TEST_CASE("A stop text has at most 1,024 bytes") {
  GenerationOptions options;
  REQUIRE(SetOption("stop", std::string(1024, 's'), &options).ok());
  CHECK(SetOption("stop", std::string(1025, 's'), &options).error().code == Code::kBadArg);
  CHECK(options.stop.size() == 1);
  options.stop = {std::string(1025, 's')};
  CHECK(ValidateOptions(options, 100).error().code == Code::kBadArg);
}

TEST_CASE("Lists of ids have at most 1,048,576 entries, whatever the ids, and are set in no time") {
  for (const auto& [name, value] :
       {std::pair("logit_bias", ":1"), std::pair("stop_token_ids", "")}) {
    INFO(name);
    GenerationOptions options;
    Status status;
    uint32_t set = 0;
    for (; status.ok() && set <= 1 << 20; ++set) {
      status = SetOption(name, std::to_string(1u << 30 | set) + value, &options);
    }
    CHECK(set == (1 << 20) + 1);
    CHECK(status.error().code == Code::kLimit);
    CHECK(status.error().message.find(name) != std::string::npos);
  }
}

TEST_CASE("A number is what strtod reads in decimal, which is more than JSON's") {
  for (const char* text : {"+1", ".5", "1.", "001", "1E0", "-0"}) {
    INFO(text);
    CHECK(SetCode("presence_penalty", text) == Code::kOk);
  }
  for (const char* text : {"", "+", ".", "1e", "--1", "1,5", "0x1", "1e400"}) {
    INFO(text);
    CHECK(SetCode("presence_penalty", text) == Code::kBadArg);
  }
}

TEST_CASE("I2: values that were set past SetOption are checked against ranges and vocabulary") {
  const auto code = [](auto change) {
    GenerationOptions options;
    change(options);
    return ValidateOptions(options, 100).error().code;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(code([](auto&) {}) == Code::kOk);
  CHECK(code([&](auto& o) { o.temperature = nan; }) == Code::kBadArg);
  CHECK(code([&](auto& o) { o.top_p = nan; }) == Code::kBadArg);
  CHECK(code([&](auto& o) { o.min_p = -1; }) == Code::kBadArg);
  CHECK(code([&](auto& o) { o.repetition_penalty = 0; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.logit_bias = {{99, 1}}; }) == Code::kOk);
  CHECK(code([](auto& o) { o.logit_bias = {{100, 1}}; }) == Code::kBadArg);
  CHECK(code([&](auto& o) { o.logit_bias = {{1, nan}}; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.stop_token_ids = {99}; }) == Code::kOk);
  CHECK(code([](auto& o) { o.stop_token_ids = {100}; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.stop_token_ids = {-1}; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.stop = {""}; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.top_logprobs = 21; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.seed = uint64_t{1} << 53; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.max_tokens = o.max_length = 5; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.max_tokens = 5, o.min_tokens = 6; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.best_of = 0; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.best_of = 21; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.retry_repeats = 21; }) == Code::kBadArg);
  CHECK(code([](auto& o) { o.best_of = 2; }) == Code::kOk);
  CHECK(code([](auto& o) { o.best_of = 2, o.temperature = 0; }) == Code::kBadArg);
}

TEST_CASE("Resolved options are JSON that sets the same options again") {
  GenerationOptions options;
  options.temperature = 0.1;
  options.top_p = 0.92;
  options.has_seed = true;
  options.seed = (uint64_t{1} << 53) - 1;
  options.stop = {"\nUser:", "\"quoted\" \xff"};
  options.stop_token_ids = {3, 1};
  options.logit_bias = {{7, -0.3}, {2, 4}};
  options.max_tokens = 12;
  options.top_logprobs = 2;
  const auto json = nlohmann::json::parse(OptionsToJson(options));
  CHECK(json["temperature"] == 0.1);
  CHECK(json["top_p"] == 0.92);
  CHECK(json["seed"] == 9007199254740991);
  CHECK(json["stop"] == nlohmann::json::array({"\nUser:", "\"quoted\" \xEF\xBF\xBD"}));
  CHECK(json["logit_bias"] == nlohmann::json{{"7", -0.3}, {"2", 4}});
  CHECK(json["max_tokens"] == 12);
  CHECK_FALSE(json.contains("max_length"));

  GenerationOptions again;
  for (const auto& [name, value] : json.items()) {
    INFO(name);
    if (name == "logit_bias") {
      for (const auto& [id, bias] : value.items()) {
        REQUIRE(SetOption(name, id + ":" + bias.dump(), &again).ok());
      }
    } else if (value.is_array()) {
      for (const auto& item : value) {
        REQUIRE(
            SetOption(name, item.is_string() ? item.get<std::string>() : item.dump(), &again).ok());
      }
    } else {
      REQUIRE(SetOption(name, value.dump(), &again).ok());
    }
  }
  CHECK(OptionsToJson(again) != "{}");
  CHECK(nlohmann::json::parse(OptionsToJson(again)) == json);
}

}  // namespace
}  // namespace parley
