// Chat formats: each layout against one written by hand, what is marked as text, and how
// conversations are fitted.
#include "chat/format.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "tokenizer/gpt2_vocabulary.h"

namespace parley {
namespace {

constexpr uint32_t kNoLimit = 1u << 30;  // tokens
constexpr std::string_view kFixedScene =
    "The following is a conversation between a user and a helpful, friendly assistant.\n";

// A token for each byte (its own value, as the test has its own order), then the special ones.
struct SmallVocabulary {
  std::unique_ptr<Tokenizer> tokenizer;
  int32_t eos;

  explicit SmallVocabulary(std::vector<std::string_view> specials = {"<|user|>", "<|assistant|>",
                                                                     "<|system|>", "<|im_start|>",
                                                                     "<|im_end|>"}) {
    TestVocabulary vocabulary = ByteVocabulary();
    eos = vocabulary.AddSpecial("<|endoftext|>");
    for (const std::string_view name : specials) vocabulary.AddSpecial(name);
    auto made = vocabulary.Make();
    REQUIRE(made.ok());
    tokenizer = std::move(made.value());
  }
  // The layout as text, read with special tokens, is what a format must produce.
  std::vector<int32_t> Ids(std::string_view layout) const {
    return Encode(*tokenizer, layout, true);
  }
};

EncodedChat MustEncode(ChatFormat format, const Tokenizer& tokenizer, int32_t eos,
                       std::span<const Message> messages, uint32_t budget = kNoLimit,
                       uint32_t target = kNoLimit) {
  auto chat = EncodeChat({format, {}}, tokenizer, eos, messages, budget, target);
  INFO(chat.error().message);
  REQUIRE(chat.ok());
  REQUIRE(chat->ids.size() == chat->is_text.size());
  REQUIRE(chat->message_dropped.size() == messages.size());
  return std::move(chat.value());
}

const std::vector<Message> kTalk = {{Role::kSystem, "Be kind."},
                                    {Role::kUser, "Hi!"},
                                    {Role::kAssistant, "Hello."},
                                    {Role::kUser, "How are you?"}};
const std::vector<Message> kContinued = {{Role::kUser, "Hi!"}, {Role::kAssistant, "Hel"}};

// The characters of `layout` that are marked: '^' under words, anything else under what the format
// added.
void CheckLayout(ChatFormat format, std::span<const Message> messages, std::string_view layout,
                 std::string_view words) {
  const SmallVocabulary small;
  const EncodedChat chat = MustEncode(format, *small.tokenizer, small.eos, messages);
  CHECK(Decode(*small.tokenizer, chat.ids) == layout);
  CHECK(chat.ids == small.Ids(layout));
  std::string marked;
  for (size_t i = 0; i < chat.ids.size(); ++i) {
    if (chat.is_text[i] != 0) marked += small.tokenizer->Bytes(chat.ids[i]);
  }
  CHECK(marked == words);
}

TEST_CASE("role_tokens: a role token before each message, the assistant's at the end") {
  CheckLayout(ChatFormat::kRoleTokens, kTalk,
              "<|system|>Be kind.<|user|>Hi!<|assistant|>Hello.<|user|>How are you?<|assistant|>",
              "Be kind.Hi!Hello.How are you?");
  CheckLayout(ChatFormat::kRoleTokens, kContinued, "<|user|>Hi!<|assistant|>Hel", "Hi!Hel");
}

TEST_CASE("eos_turns: the end-of-text token after each turn, system text as the first") {
  CheckLayout(ChatFormat::kEosTurns, kTalk,
              "Be kind.<|endoftext|>Hi!<|endoftext|>Hello.<|endoftext|>How are you?<|endoftext|>",
              "Be kind.Hi!Hello.How are you?");
  CheckLayout(ChatFormat::kEosTurns, kContinued, "Hi!<|endoftext|>Hel", "Hi!Hel");
}

TEST_CASE("transcript: a scene, then lines by name") {
  CheckLayout(ChatFormat::kTranscript, kTalk,
              "Be kind.\n\nUser: Hi!\nAssistant: Hello.\nUser: How are you?\nAssistant:",
              "Be kind.Hi!Hello.How are you?");
  CheckLayout(ChatFormat::kTranscript, kContinued,
              std::string(kFixedScene) + "\nUser: Hi!\nAssistant: Hel", "Hi!Hel");
  // A reply as the model gave it, with the space after the colon.
  const std::vector<Message> given = {
      {Role::kUser, "Hi!"}, {Role::kAssistant, " Hello."}, {Role::kUser, "Bye"}};
  CheckLayout(ChatFormat::kTranscript, given,
              std::string(kFixedScene) + "\nUser: Hi!\nAssistant: Hello.\nUser: Bye\nAssistant:",
              "Hi! Hello.Bye");
  const std::vector<Message> late = {
      {Role::kUser, "Hi!"}, {Role::kSystem, "It rains."}, {Role::kUser, "Bye"}};
  CheckLayout(ChatFormat::kTranscript, late,
              std::string(kFixedScene) + "\nUser: Hi!\n\nIt rains.\n\nUser: Bye\nAssistant:",
              "Hi!It rains.Bye");
}

TEST_CASE("completion: the words as they are") {
  const std::vector<Message> prompt = {{Role::kUser, "Once upon"}};
  CheckLayout(ChatFormat::kCompletion, prompt, "Once upon", "Once upon");
  const std::vector<Message> continued = {{Role::kUser, "Once upon"},
                                          {Role::kAssistant, " a time"}};
  CheckLayout(ChatFormat::kCompletion, continued, "Once upon a time", "Once upon a time");
}

TEST_CASE("chatml: role and words between im_start and im_end") {
  CheckLayout(ChatFormat::kChatml, kTalk,
              "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n"
              "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nHow are you?<|im_end|>\n"
              "<|im_start|>assistant\n",
              "Be kind.Hi!Hello.How are you?");
  CheckLayout(ChatFormat::kChatml, kContinued,
              "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHel", "Hi!Hel");
}

TEST_CASE("chatml: a conversation that begins with no system text gets the model's") {
  const SmallVocabulary small;
  const ChatStyle style = {ChatFormat::kChatml, "You help."};
  const auto encode = [&](const std::vector<Message>& messages) {
    const auto chat = EncodeChat(style, *small.tokenizer, small.eos, messages, kNoLimit, kNoLimit);
    REQUIRE(chat.ok());
    return chat.value();
  };
  const EncodedChat chat = encode({{Role::kUser, "Hi!"}});
  CHECK(chat.ids ==
        small.Ids("<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n"
                  "<|im_start|>assistant\n"));
  CHECK(std::count(chat.is_text.begin(), chat.is_text.end(), 1) == 3);  // Hi!, a token a byte
  CHECK(encode(kTalk).ids ==
        MustEncode(ChatFormat::kChatml, *small.tokenizer, small.eos, kTalk).ids);
  // Its tokens count: what does not fit is refused with them.
  const auto full = EncodeChat(style, *small.tokenizer, small.eos, kContinued, 30, 30);
  CHECK(full.error().code == Code::kContextFull);
}

TEST_CASE("The default system text is the constant of the chat template, or none") {
  // As SmolLM2's tokenizer_config.json has it: in its text the string's line break is an escape.
  const std::string smollm =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
      "'<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
      "Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}";
  const std::string text = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  CHECK(DefaultSystemOf(smollm) == text);
  std::string escaped;
  for (const char c : smollm) escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  CHECK(DefaultSystemOf(escaped) == text);
  CHECK(DefaultSystemOf("").empty());
  CHECK(DefaultSystemOf("{{ '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>' }}")
            .empty());
  CHECK(DefaultSystemOf("<|im_start|>system\nno end").empty());
  CHECK(DefaultSystemOf("<|im_start|>user\nHi<|im_end|>").empty());
}

TEST_CASE("T6: special tokens that people write in messages are text in every format") {
  const SmallVocabulary small;
  const std::vector<Message> typed = {{Role::kUser, "<|endoftext|><|user|><|im_end|>"}};
  for (const ChatFormat format :
       {ChatFormat::kRoleTokens, ChatFormat::kEosTurns, ChatFormat::kTranscript,
        ChatFormat::kCompletion, ChatFormat::kChatml}) {
    INFO(ChatFormatId(format));
    const EncodedChat chat = MustEncode(format, *small.tokenizer, small.eos, typed);
    size_t words = 0;
    for (size_t i = 0; i < chat.ids.size(); ++i) {
      if (chat.is_text[i] == 0) continue;
      ++words;
      CHECK_FALSE(small.tokenizer->IsSpecial(chat.ids[i]));
    }
    CHECK(words == typed[0].content.size());
  }
}

TEST_CASE("On GPT-2's vocabulary the ids are those of the whole layout read at once") {
  TestVocabulary vocabulary = Gpt2Vocabulary();
  for (const char* name :
       {"<|user|>", "<|assistant|>", "<|system|>", "<|im_start|>", "<|im_end|>"}) {
    vocabulary.AddSpecial(name);
  }
  const auto made = vocabulary.Make();
  REQUIRE(made.ok());
  const Tokenizer& tokenizer = **made;
  const int32_t eos = tokenizer.FindSpecial("<|endoftext|>");
  std::mt19937 random(7);
  const std::vector<std::string> scraps = {"hello", " world", "  ", "\n", "\n\n", " \n",
                                           "'s",    "1984",   "!",  "",   "\t",   "é"};
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> words(1 + random() % 5);
    std::vector<Message> messages;
    std::string roles_layout, turns_layout, chatml_layout,
        transcript_layout = std::string(kFixedScene);
    for (size_t i = 0; i < words.size(); ++i) {
      for (unsigned n = random() % 5; n > 0; --n) words[i] += scraps[random() % scraps.size()];
      const bool user = i % 2 == 0;
      const bool open = !user && i + 1 == words.size();  // a trailing reply is continued
      messages.push_back({user ? Role::kUser : Role::kAssistant, words[i]});
      const bool spaced = words[i].empty() || words[i].find_first_of(" \n\t") == 0;
      roles_layout.append(user ? "<|user|>" : "<|assistant|>").append(words[i]);
      turns_layout.append(words[i]).append(open ? "" : "<|endoftext|>");
      chatml_layout.append(user ? "<|im_start|>user\n" : "<|im_start|>assistant\n");
      chatml_layout.append(words[i]).append(open ? "" : "<|im_end|>\n");
      transcript_layout.append(user ? "\nUser:" : "\nAssistant:");
      transcript_layout.append(spaced ? "" : " ").append(words[i]);
    }
    if (words.size() % 2 == 1) {
      roles_layout += "<|assistant|>";
      chatml_layout += "<|im_start|>assistant\n";
      transcript_layout += "\nAssistant:";
    }
    INFO(transcript_layout);
    CHECK(MustEncode(ChatFormat::kRoleTokens, tokenizer, eos, messages).ids ==
          Encode(tokenizer, roles_layout, true));
    CHECK(MustEncode(ChatFormat::kEosTurns, tokenizer, eos, messages).ids ==
          Encode(tokenizer, turns_layout, true));
    CHECK(MustEncode(ChatFormat::kChatml, tokenizer, eos, messages).ids ==
          Encode(tokenizer, chatml_layout, true));
    CHECK(MustEncode(ChatFormat::kTranscript, tokenizer, eos, messages).ids ==
          Encode(tokenizer, transcript_layout));
  }
}

TEST_CASE("A reply ends at its format's tokens and strings") {
  const SmallVocabulary small;
  const auto find = [&](const char* name) { return small.tokenizer->FindSpecial(name); };
  const auto end = [&](ChatFormat format) {
    return ReplyEndOf(format, *small.tokenizer, small.eos);
  };
  CHECK(end(ChatFormat::kRoleTokens).ids == std::vector<int32_t>{small.eos, find("<|user|>"),
                                                                 find("<|assistant|>"),
                                                                 find("<|system|>")});
  CHECK(end(ChatFormat::kRoleTokens).strings.empty());
  CHECK(end(ChatFormat::kEosTurns).ids == std::vector<int32_t>{small.eos});
  CHECK(end(ChatFormat::kCompletion).ids == std::vector<int32_t>{small.eos});
  CHECK(end(ChatFormat::kChatml).ids == std::vector<int32_t>{small.eos, find("<|im_end|>")});
  CHECK(end(ChatFormat::kTranscript).ids == std::vector<int32_t>{small.eos});
  CHECK(end(ChatFormat::kTranscript).strings == std::vector<std::string>{"\nUser:", "\n\n"});
  CHECK(ReplyEndOf(ChatFormat::kCompletion, *small.tokenizer, -1).ids.empty());
  CHECK(ReplyEndOf(ChatFormat::kChatml, *small.tokenizer, find("<|im_end|>")).ids ==
        std::vector<int32_t>{find("<|im_end|>")});
}

TEST_CASE("The format is chosen by metadata, then vocabulary, then name") {
  const SmallVocabulary all;
  const SmallVocabulary chatml(std::vector<std::string_view>{"<|im_start|>", "<|im_end|>"});
  const SmallVocabulary plain(std::vector<std::string_view>{});
  const auto choose = [](std::string_view id, std::string_view name,
                         const SmallVocabulary& vocabulary) {
    const auto chosen = ChooseChatFormat(id, name, *vocabulary.tokenizer);
    REQUIRE(chosen.ok());
    return *chosen;
  };
  CHECK(choose("", "parley-17m", all) == ChatFormat::kRoleTokens);
  CHECK(choose("", "SmolLM2 135M Instruct", chatml) == ChatFormat::kChatml);
  CHECK(choose("", "DialoGPT-small", plain) == ChatFormat::kEosTurns);
  CHECK(choose("", "microsoft/dialogpt-medium", plain) == ChatFormat::kEosTurns);
  CHECK(choose("", "gpt2", plain) == ChatFormat::kTranscript);
  CHECK(choose("", "", plain) == ChatFormat::kTranscript);
  CHECK(choose("completion", "DialoGPT-small", all) == ChatFormat::kCompletion);
  const auto unknown = ChooseChatFormat("alpaca", "", *plain.tokenizer);
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().code == Code::kBadArg);
  CHECK(
      unknown.error().message ==
      "chat_format 'alpaca' is not one of role_tokens, eos_turns, transcript, completion, chatml");
}

TEST_CASE("Every format's id is read back") {
  for (const ChatFormat format :
       {ChatFormat::kRoleTokens, ChatFormat::kEosTurns, ChatFormat::kTranscript,
        ChatFormat::kCompletion, ChatFormat::kChatml}) {
    const auto parsed = ParseChatFormat(ChatFormatId(format));
    REQUIRE(parsed.ok());
    CHECK(*parsed == format);
  }
}

TEST_CASE("A format whose tokens the vocabulary lacks is refused, naming the token") {
  const SmallVocabulary plain(std::vector<std::string_view>{});
  const auto refuse = [&](ChatFormat format, int32_t eos, std::string_view named) {
    const auto chat =
        EncodeChat({format, {}}, *plain.tokenizer, eos, kContinued, kNoLimit, kNoLimit);
    REQUIRE_FALSE(chat.ok());
    CHECK(chat.error().code == Code::kBadArg);
    INFO(chat.error().message);
    CHECK(chat.error().message.find(named) != std::string::npos);
  };
  refuse(ChatFormat::kRoleTokens, plain.eos, "<|assistant|>");
  refuse(ChatFormat::kChatml, plain.eos, "<|im_start|>");
  refuse(ChatFormat::kEosTurns, -1, "end-of-text");
  const auto none = EncodeChat({ChatFormat::kCompletion, {}}, *plain.tokenizer, plain.eos, {},
                               kNoLimit, kNoLimit);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == Code::kBadArg);
}

// Fitting. Under role_tokens with a token a byte, a message of n bytes has n + 1 tokens and the
// reply's prompt has one. Ten bytes each: 11 tokens a message, 22 an exchange.
std::vector<Message> Talk(size_t exchanges) {
  std::vector<Message> messages;
  for (size_t i = 0; i < exchanges; ++i) {
    messages.push_back({Role::kUser, "0123456789"});
    messages.push_back({Role::kAssistant, "abcdefghij"});
  }
  messages.push_back({Role::kUser, "0123456789"});
  return messages;
}

size_t DroppedExchanges(const EncodedChat& chat) {
  size_t dropped = 0;
  while (dropped < chat.message_dropped.size() && chat.message_dropped[dropped]) ++dropped;
  for (size_t i = dropped; i < chat.message_dropped.size(); ++i)
    REQUIRE_FALSE(chat.message_dropped[i]);
  REQUIRE(dropped % 2 == 0);
  return dropped / 2;
}

TEST_CASE(
    "A conversation that just fits is kept whole; one token more and the oldest exchanges go") {
  const SmallVocabulary small;
  const std::vector<Message> talk = Talk(4);  // 4 * 22 + 11 + 1 = 100 tokens
  const EncodedChat whole =
      MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 100, 75);
  CHECK(whole.ids.size() == 100);
  CHECK(DroppedExchanges(whole) == 0);
  // 100 > 99: down to 75 or less are two exchanges less, 56.
  const EncodedChat cut =
      MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 99, 75);
  CHECK(DroppedExchanges(cut) == 2);
  CHECK(cut.ids.size() == 56);
  CHECK(
      cut.ids ==
      small.Ids("<|user|>0123456789<|assistant|>abcdefghij<|user|>0123456789<|assistant|>abcdefghij"
                "<|user|>0123456789<|assistant|>"));
  // One is enough when the target is 78, exactly what is left.
  CHECK(DroppedExchanges(
            MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 99, 78)) == 1);
  CHECK(DroppedExchanges(
            MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 99, 77)) == 2);
}

TEST_CASE("A growing conversation keeps its beginning until it is full again") {
  const SmallVocabulary small;
  // Over 150 tokens: down to 100. 6 exchanges are 144; the 7th asks for 166: three go, 100 are
  // left; the 9th has 144 again, the 10th 166.
  const size_t expected[] = {0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9};
  for (size_t exchanges = 0; exchanges < std::size(expected); ++exchanges) {
    INFO(exchanges << " exchanges");
    const EncodedChat chat =
        MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, Talk(exchanges), 150, 100);
    CHECK(DroppedExchanges(chat) == expected[exchanges]);
    CHECK(chat.ids.size() <= 150);
  }
}

TEST_CASE("System text and pinned exchanges are never dropped") {
  const SmallVocabulary small;
  std::vector<Message> talk = Talk(4);
  talk[2].pinned = true;  // the second exchange, by its user message
  talk.insert(talk.begin(), {Role::kSystem, "S"});
  talk.insert(talk.begin() + 5, {Role::kSystem, "T"});
  const EncodedChat chat =
      MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 80, 60);
  // 104 in all; without the first and the third exchange 60.
  CHECK(chat.message_dropped ==
        std::vector<bool>{false, true, true, false, false, false, true, true, false, false, false});
  CHECK(chat.ids.size() == 60);
  talk[4].pinned = true;  // by its reply: the same
  talk[3].pinned = false;
  CHECK(MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 80, 60).ids ==
        chat.ids);
}

TEST_CASE("Replies that come before any user message are an exchange of their own") {
  const SmallVocabulary small;
  std::vector<Message> talk = Talk(2);
  talk.insert(talk.begin(), {Role::kAssistant, "Welcome!"});
  const EncodedChat chat =
      MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 56, 56);
  CHECK(chat.message_dropped == std::vector<bool>{true, false, false, false, false, false});
}

TEST_CASE("The question that a continued reply answers stays") {
  const SmallVocabulary small;
  std::vector<Message> talk = Talk(2);
  talk.push_back({Role::kAssistant, "abc"});
  // 44 + 11 + 4: over 30, the two full exchanges go.
  const EncodedChat chat =
      MustEncode(ChatFormat::kRoleTokens, *small.tokenizer, small.eos, talk, 30, 20);
  CHECK(chat.ids == small.Ids("<|user|>0123456789<|assistant|>abc"));
}

TEST_CASE("When what must stay does not fit: CONTEXT_FULL with needed and available") {
  const SmallVocabulary small;
  std::vector<Message> talk = Talk(3);
  talk.insert(talk.begin(), {Role::kSystem, "0123456789"});
  const auto kept =
      EncodeChat({ChatFormat::kRoleTokens, {}}, *small.tokenizer, small.eos, talk, 23, 23);
  REQUIRE(kept.ok());  // 11 + 11 + 1
  CHECK(kept->ids.size() == 23);
  const auto full =
      EncodeChat({ChatFormat::kRoleTokens, {}}, *small.tokenizer, small.eos, talk, 22, 22);
  REQUIRE_FALSE(full.ok());
  CHECK(full.error().code == Code::kContextFull);
  CHECK(full.error().message ==
        "system text, pinned messages and the last message need 23 tokens; 22 are available");
}

}  // namespace
}  // namespace parley
