// See format.h. One Layout for each format says what stands around a message; encoding and fitting
// are the same for all.
#include "chat/format.h"

#include <algorithm>
#include <cctype>

namespace parley {
namespace {

struct FormatName {
  ChatFormat format;
  const char* id;
};
constexpr FormatName kFormats[] = {
    {ChatFormat::kRoleTokens, "role_tokens"}, {ChatFormat::kEosTurns, "eos_turns"},
    {ChatFormat::kTranscript, "transcript"},  {ChatFormat::kCompletion, "completion"},
    {ChatFormat::kChatml, "chatml"},
};

// The scene of a transcript that begins with no system text.
constexpr std::string_view kScene =
    "The following is a conversation between a user and a helpful, friendly assistant.";

const char* RoleName(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
  }
  return "";
}

constexpr int32_t kNoToken = -1;

// What stands around the words of one message. Tokens are left out when kNoToken.
struct Layout {
  int32_t before = kNoToken;
  std::string markup;  // plain text in front of the words, encoded together with them
  std::string after;   // likewise behind them
  int32_t end = kNoToken;
  std::string_view end_text;  // behind `end`
};

// Tokens with their marks: part of a chat.
struct Encoded {
  std::vector<int32_t> ids;
  std::vector<uint8_t> is_text;

  void Add(int32_t id) {
    if (id == kNoToken) return;
    ids.push_back(id);
    is_text.push_back(0);
  }
  void Append(const Encoded& other) {
    ids.insert(ids.end(), other.ids.begin(), other.ids.end());
    is_text.insert(is_text.end(), other.is_text.begin(), other.is_text.end());
  }
};

class ChatEncoder {
 public:
  ChatEncoder(const ChatStyle& style, const Tokenizer& tokenizer, int32_t eos_id)
      : style_(style), format_(style.format), tokenizer_(tokenizer), eos_id_(eos_id) {}

  // What comes before all messages.
  Result<Encoded> Head(std::span<const Message> messages) const {
    Encoded head;
    if (messages.front().role == Role::kSystem) return head;
    if (format_ == ChatFormat::kTranscript) {
      TRY(AddText(std::string(kScene) + "\n", {}, {}, &head));
    }
    if (format_ == ChatFormat::kChatml && !style_.default_system.empty()) {
      TRY_ASSIGN(head, EncodeMessage({Role::kSystem, style_.default_system}, true, false));
      std::fill(head.is_text.begin(), head.is_text.end(), 0);  // nobody said it
    }
    return head;
  }

  // One message. `continued`: it is the last one and the assistant's, and more of it is to come.
  Result<Encoded> EncodeMessage(const Message& message, bool first, bool continued) const {
    TRY_ASSIGN(const Layout layout, LayoutOf(message.role, message.content, first));
    Encoded encoded;
    encoded.Add(layout.before);
    TRY(AddText(layout.markup, message.content, continued ? "" : layout.after, &encoded));
    if (!continued) {
      encoded.Add(layout.end);
      TRY(AddText(layout.end_text, {}, {}, &encoded));
    }
    return encoded;
  }

  // What comes after all messages, so that the assistant speaks next.
  Result<Encoded> ReplyPrompt() const {
    TRY_ASSIGN(const Layout layout, LayoutOf(Role::kAssistant, {}, false));
    Encoded prompt;
    prompt.Add(layout.before);
    TRY(AddText(layout.markup, {}, {}, &prompt));
    return prompt;
  }

 private:
  Result<int32_t> Special(const std::string& name) const {
    const int32_t id = tokenizer_.FindSpecial(name);
    if (id < 0) {
      return MakeError(Code::kBadArg, std::string("chat_format ") + ChatFormatId(format_) +
                                          " needs the special token " + name +
                                          ", which the model's vocabulary does not have");
    }
    return id;
  }

  Result<Layout> LayoutOf(Role role, std::string_view words, bool first) const {
    Layout layout;
    switch (format_) {
      case ChatFormat::kRoleTokens: {
        TRY_ASSIGN(layout.before, Special(std::string("<|").append(RoleName(role)).append("|>")));
        break;
      }
      case ChatFormat::kEosTurns:
        if (eos_id_ < 0) {
          return MakeError(
              Code::kBadArg,
              "chat_format eos_turns needs an end-of-text token, which the model does not name");
        }
        layout.end = eos_id_;
        break;
      case ChatFormat::kTranscript: {
        // A line break belongs to what follows it: only so are the pieces the same as those of the
        // text as a whole.
        if (role == Role::kSystem) {
          layout.markup = first ? "" : "\n\n";
          layout.after = "\n";
          break;
        }
        layout.markup = role == Role::kUser ? "\nUser:" : "\nAssistant:";
        // A reply begins with the space after the colon; words that come without one get it.
        const bool has_space =
            words.empty() || std::isspace(static_cast<unsigned char>(words[0])) != 0;
        if (!has_space) layout.markup += ' ';
        break;
      }
      case ChatFormat::kCompletion:
        break;
      case ChatFormat::kChatml: {
        TRY_ASSIGN(layout.before, Special("<|im_start|>"));
        TRY_ASSIGN(layout.end, Special("<|im_end|>"));
        layout.markup = std::string(RoleName(role)) + "\n";
        layout.end_text = "\n";
        break;
      }
    }
    return layout;
  }

  // Encodes markup + words + after as one text. Tokens that hold any of the words are marked.
  Status AddText(std::string_view markup, std::string_view words, std::string_view after,
                 Encoded* encoded) const {
    const size_t begin = encoded->ids.size();
    if (markup.empty() && after.empty()) {
      TRY(tokenizer_.Encode(words, false, &encoded->ids));
      encoded->is_text.resize(encoded->ids.size(), 1);
      return {};
    }
    TRY(tokenizer_.Encode(std::string(markup).append(words).append(after), false, &encoded->ids));
    size_t length = 0;  // not that of the string: ill-formed words grow
    for (size_t i = begin; i < encoded->ids.size(); ++i)
      length += tokenizer_.Bytes(encoded->ids[i]).size();
    size_t offset = 0;
    for (size_t i = begin; i < encoded->ids.size(); ++i) {
      const size_t end = offset + tokenizer_.Bytes(encoded->ids[i]).size();
      encoded->is_text.push_back(end > markup.size() && offset < length - after.size());
      offset = end;
    }
    return {};
  }

  const ChatStyle& style_;
  const ChatFormat format_;
  const Tokenizer& tokenizer_;
  int32_t eos_id_;
};

// A user's message and the replies after it; at the beginning perhaps replies alone. System text
// belongs to none.
struct Exchange {
  uint64_t tokens = 0;
  bool pinned = false;
  bool dropped = false;
};

// Decides what is left out, from the number of tokens of each message.
//
// The conversation is gone through as it grew: at each message that asked for a reply, if what was
// kept by then is over `budget`, exchanges are dropped, oldest first, down to `target`. So the next
// messages find the same beginning (and the KV cache holds it) until the budget is reached again,
// and yet the result depends on the messages alone.
class Fitting {
 public:
  // `head`: tokens before all messages.
  Fitting(uint64_t head, uint64_t budget, uint64_t target)
      : kept_(head), budget_(budget), target_(std::min(target, budget)) {}

  void Add(const Message& message, uint64_t tokens) {
    kept_ += tokens;
    if (message.role == Role::kSystem) {
      exchange_of_.push_back(kNone);
      return;
    }
    if (message.role == Role::kUser || exchanges_.empty()) exchanges_.emplace_back();
    exchanges_.back().tokens += tokens;
    exchanges_.back().pinned |= message.pinned;
    exchange_of_.push_back(exchanges_.size() - 1);
  }
  // A reply is asked for, with `tail` tokens behind the messages so far. Returns how many tokens
  // there are in all.
  uint64_t Fit(uint64_t tail) {
    if (kept_ + tail <= budget_) return kept_ + tail;
    // All but the one that is being answered.
    for (; first_ + 1 < exchanges_.size() && kept_ + tail > target_; ++first_) {
      Exchange& exchange = exchanges_[first_];
      if (exchange.pinned) continue;
      exchange.dropped = true;
      kept_ -= exchange.tokens;
    }
    return kept_ + tail;
  }
  bool Dropped(size_t message) const {
    return exchange_of_[message] != kNone && exchanges_[exchange_of_[message]].dropped;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  uint64_t kept_;  // tokens
  uint64_t budget_;
  uint64_t target_;
  size_t first_ = 0;  // exchanges before this one are dropped or pinned
  std::vector<Exchange> exchanges_;
  std::vector<size_t> exchange_of_;  // by message
};

bool ContainsIgnoringCase(std::string_view text, std::string_view lower_case) {
  const auto equal = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  };
  return std::search(text.begin(), text.end(), lower_case.begin(), lower_case.end(), equal) !=
         text.end();
}

}  // namespace

Result<ChatFormat> ParseChatFormat(std::string_view id) {
  std::string known;
  for (const FormatName& name : kFormats) {
    if (id == name.id) return name.format;
    known += (known.empty() ? "" : ", ") + std::string(name.id);
  }
  return MakeError(Code::kBadArg, "chat_format '" + std::string(id) + "' is not one of " + known);
}

const char* ChatFormatId(ChatFormat format) {
  for (const FormatName& name : kFormats) {
    if (format == name.format) return name.id;
  }
  return "";
}

Result<ChatFormat> ChooseChatFormat(std::string_view metadata_id, std::string_view general_name,
                                    const Tokenizer& tokenizer) {
  if (!metadata_id.empty()) return ParseChatFormat(metadata_id);
  const auto has = [&](std::string_view name) { return tokenizer.FindSpecial(name) >= 0; };
  if (has("<|user|>") && has("<|assistant|>")) return ChatFormat::kRoleTokens;
  if (has("<|im_start|>") && has("<|im_end|>")) return ChatFormat::kChatml;
  if (ContainsIgnoringCase(general_name, "dialogpt")) return ChatFormat::kEosTurns;
  return ChatFormat::kTranscript;
}

std::string DefaultSystemOf(std::string_view chat_template) {
  // A line break of the template's text, or of a string in it.
  for (const std::string_view begin : {"<|im_start|>system\n", "<|im_start|>system\\n"}) {
    size_t at = chat_template.find(begin);
    if (at == std::string_view::npos) continue;
    at += begin.size();
    const size_t end = chat_template.find("<|im_end|>", at);
    if (end == std::string_view::npos) continue;
    const std::string_view text = chat_template.substr(at, end - at);
    // Quotes, braces and backslashes: something is put together here.
    if (text.find_first_of("'\"{}\\") == std::string_view::npos) return std::string(text);
  }
  return {};
}

Result<EncodedChat> EncodeChat(const ChatStyle& style, const Tokenizer& tokenizer, int32_t eos_id,
                               std::span<const Message> messages, uint32_t budget,
                               uint32_t target) {
  if (messages.empty()) return MakeError(Code::kBadArg, "messages is empty");
  const ChatEncoder encoder(style, tokenizer, eos_id);
  TRY_ASSIGN(Encoded whole, encoder.Head(messages));
  TRY_ASSIGN(const Encoded reply_prompt, encoder.ReplyPrompt());
  const bool continued = messages.back().role == Role::kAssistant;
  std::vector<Encoded> parts;
  Fitting fitting(whole.ids.size(), budget, target);
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool last = i + 1 == messages.size();
    TRY_ASSIGN(Encoded part, encoder.EncodeMessage(messages[i], i == 0, last && continued));
    fitting.Add(messages[i], part.ids.size());
    if (!last && messages[i].role == Role::kUser) fitting.Fit(reply_prompt.ids.size());
    parts.push_back(std::move(part));
  }
  const uint64_t needed = fitting.Fit(continued ? 0 : reply_prompt.ids.size());
  if (needed > budget) {
    return MakeError(Code::kContextFull, "system text, pinned messages and the last message need " +
                                             std::to_string(needed) + " tokens; " +
                                             std::to_string(budget) + " are available");
  }
  EncodedChat chat;
  for (size_t i = 0; i < messages.size(); ++i) {
    chat.message_dropped.push_back(fitting.Dropped(i));
    if (!fitting.Dropped(i)) whole.Append(parts[i]);
  }
  if (!continued) whole.Append(reply_prompt);
  chat.ids = std::move(whole.ids);
  chat.is_text = std::move(whole.is_text);
  return chat;
}

ReplyEnd ReplyEndOf(ChatFormat format, const Tokenizer& tokenizer, int32_t eos_id) {
  ReplyEnd end;
  const auto add = [&](int32_t id) {
    if (id >= 0 && std::find(end.ids.begin(), end.ids.end(), id) == end.ids.end())
      end.ids.push_back(id);
  };
  add(eos_id);
  switch (format) {
    case ChatFormat::kRoleTokens:
      for (const char* name : {"<|user|>", "<|assistant|>", "<|system|>"})
        add(tokenizer.FindSpecial(name));
      break;
    case ChatFormat::kChatml:
      add(tokenizer.FindSpecial("<|im_end|>"));
      break;
    case ChatFormat::kTranscript:
      end.strings = {"\nUser:", "\n\n"};
      break;
    case ChatFormat::kEosTurns:
    case ChatFormat::kCompletion:
      break;
  }
  return end;
}

}  // namespace parley
