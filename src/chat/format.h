// Chat formats: how turns become tokens. The only place that produces special tokens. How to add
// one: CONTRIBUTING.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace parley {

enum class Role { kSystem, kUser, kAssistant };

struct Message {
  Role role = Role::kUser;
  std::string_view content;
  bool pinned = false;  // its exchange is never dropped to fit the context
};

enum class ChatFormat { kRoleTokens, kEosTurns, kTranscript, kCompletion, kChatml };

// How a model is talked to.
struct ChatStyle {
  ChatFormat format = ChatFormat::kCompletion;
  // kChatml: the system text of a conversation that begins with none; empty: it has none then.
  std::string default_system;
};
Result<ChatFormat> ParseChatFormat(std::string_view id);  // BAD_ARG names the known ids
const char* ChatFormatId(ChatFormat format);              // "role_tokens", ...

// Chosen by metadata (`parley.chat_format`), else recognised from the vocabulary and the general
// name.
Result<ChatFormat> ChooseChatFormat(std::string_view metadata_id, std::string_view general_name,
                                    const Tokenizer& tokenizer);

// The system text that a `tokenizer.chat_template` puts before a conversation without one: what it
// has between `<|im_start|>system` with a line break and `<|im_end|>`. Empty when there is none, or
// when it is more than a constant.
std::string DefaultSystemOf(std::string_view chat_template);

struct EncodedChat {
  std::vector<int32_t> ids;
  std::vector<uint8_t> is_text;  // 1 where the id came from somebody's words (penalties see these)
  std::vector<bool> message_dropped;  // by message: left out to fit
};

// Messages -> tokens, ready for the assistant's next words (or continuing a trailing assistant
// message), fitted: at most `budget` tokens. When the conversation, going through it as it grew,
// comes over the budget, whole exchanges (a user message and the replies after it) are dropped,
// oldest first, down to `target` tokens; system text, pinned exchanges and the one that is being
// answered stay. What is kept may then grow up to the budget again before more is dropped, so that
// its beginning stays in the KV cache. A pure function of its arguments. BAD_ARG: no messages, or a
// format whose special tokens the vocabulary lacks. CONTEXT_FULL (needed, available): what must
// stay alone exceeds the budget.
Result<EncodedChat> EncodeChat(const ChatStyle& style, const Tokenizer& tokenizer, int32_t eos_id,
                               std::span<const Message> messages, uint32_t budget, uint32_t target);

// Tokens and strings at which a reply of this format ends.
struct ReplyEnd {
  std::vector<int32_t> ids;
  std::vector<std::string> strings;
};
ReplyEnd ReplyEndOf(ChatFormat format, const Tokenizer& tokenizer, int32_t eos_id);

}  // namespace parley
