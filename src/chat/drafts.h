// Several tries at one reply: they are written unseen, and the one to keep is then given out. How a
// single reply is written is session.h's business.
#pragma once

#include <cstdint>
#include <memory>

#include "chat/session.h"

namespace parley {

// What is reserved for a token's text; a try whose tokens are longer on average asks for more.
inline constexpr uint64_t kDraftTextBytesPerToken = 64;
// What two tries take for each token of the context; alternatives come on top where they are asked
// for.
inline constexpr uint64_t kDraftBytesPerToken = 2 * (4 + 24 + kDraftTextBytesPerToken);

// A session that follows best_of and retry_repeats; replies without them are `session`'s own. Try k
// draws with seed + k, modulo 2^53. Tries go on until best_of of them are good, at most best_of +
// retry_repeats in all; a try is good when its text is neither empty nor, white space around them
// aside, that of an earlier reply in the conversation. Of the good ones (of all, if none is) the
// one with the highest mean log-probability is kept: the sum over its tokens, the end token
// included, divided by their number (length normalisation, as in beam search: Wu et al. 2016,
// arXiv:1609.08144, equation 14 with alpha = 1); of equals, the first. With best_of 1, a try is
// given out as soon as no earlier reply begins with what it says, since it is good then. OOM from
// Begin: what two tries take is asked for when the first begins.
std::unique_ptr<Session> MakeDraftingSession(std::unique_ptr<Session> session);

}  // namespace parley
