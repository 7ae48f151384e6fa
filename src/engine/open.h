// From a GGUF header's metadata to the tokenizer, the special ids and the chat format of an engine.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "engine/engine.h"
#include "formats/gguf_reader.h"

namespace parley {

// Bytes that the tokenizer of this file takes at most, with what making it takes.
Result<uint64_t> PlanTokenizerBytes(const GgufHeader& header);

// How many ids, from 0, may be generated: padding at the end of the list is left out. BAD_VOCAB
// when there are more tokens than `vocab_size` rows of the embedding, or types for another number.
Result<uint32_t> CountUsableIds(const GgufHeader& header, uint32_t vocab_size);

// Sets tokenizer, style, bos_id, eos_id and add_bos, and touches nothing else of the engine.
// UNSUPPORTED_MODEL for a tokenizer that is not GPT-2's; BAD_VOCAB as Tokenizer::Make.
Status OpenTokenizer(const GgufHeader& header, Engine* engine);

}  // namespace parley
