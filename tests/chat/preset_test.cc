// Presets are options, and those of the bundled catalog.
#include "chat/preset.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json_text.h"
#include "sampling/options.h"

namespace parley {
namespace {

TEST_CASE("Every preset is made of options in their range") {
  for (const ChatFormat format :
       {ChatFormat::kRoleTokens, ChatFormat::kEosTurns, ChatFormat::kTranscript,
        ChatFormat::kCompletion, ChatFormat::kChatml}) {
    GenerationOptions options;
    CHECK_FALSE(PresetOf(format).empty());
    for (const auto& [name, value] : PresetOf(format)) {
      std::string text;
      AppendJsonNumber(value, &text);
      INFO(ChatFormatId(format) << ' ' << name << ' ' << text);
      CHECK(SetOption(name, text, &options).ok());
    }
  }
}

TEST_CASE("A model from a file talks with the preset that the catalog gives to its like") {
  const auto catalog =
      nlohmann::json::parse(std::ifstream(PARLEY_SOURCE_DIR "/models/catalog.json"));
  for (const auto& entry : catalog.at("models")) {
    const auto format = ParseChatFormat(entry.at("chat_format").get<std::string>());
    REQUIRE(format.ok());
    std::map<std::string, double> preset;
    for (const auto& [name, value] : PresetOf(*format)) preset.emplace(name, value);
    INFO(entry.at("id"));
    CHECK(preset == entry.at("preset").get<std::map<std::string, double>>());
  }
}

}  // namespace
}  // namespace parley
