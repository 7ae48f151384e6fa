// Presets: the options with which models of one chat format talk well, for a model that no catalog
// entry speaks for. The page, the library and the command line begin with them.
#pragma once

#include <span>
#include <string_view>

#include "chat/format.h"

namespace parley {

struct PresetOption {
  std::string_view name;  // as SetOption knows it
  double value;
};

std::span<const PresetOption> PresetOf(ChatFormat format);

}  // namespace parley
