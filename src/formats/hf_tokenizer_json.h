// Reads tokenizer.json, the one file that Hugging Face's fast tokenizers are saved to. Private to
// the readers of hf_tokenizer.h. Format: https://huggingface.co/docs/tokenizers/api/tokenizer
#pragma once

#include <string_view>

#include "base/result.h"
#include "formats/hf_tokenizer_draft.h"

namespace parley {

// Vocabulary, merges and added tokens. BAD_JSON, BAD_VOCAB; UNSUPPORTED_MODEL for another model
// than BPE, a normalizer, or another pre-tokenizer than GPT-2's ByteLevel.
Status ReadTokenizerJson(std::string_view tokenizer_json, HfTokenizerDraft* draft);

// Its added tokens alone, for a folder whose vocabulary is in other files. An empty text has none.
Status ReadAddedTokens(std::string_view tokenizer_json, HfTokenizerDraft* draft);

}  // namespace parley
