// Stop texts: cut wherever the pieces' borders are, nothing shown too early, nothing lost.
#include "chat/stop_text.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace parley {
namespace {

// What is shown of `text` when it arrives in pieces cut at the bits of `cuts`.
std::string Show(const std::vector<std::string>& stops, const std::string& text, uint32_t cuts,
                 bool* stopped) {
  StopText filter(stops);
  std::string out;
  *stopped = false;
  size_t begin = 0;
  for (size_t i = 0; i < text.size() && !*stopped; ++i) {
    if (i + 1 < text.size() && (cuts >> i & 1) == 0) continue;
    *stopped = filter.Push(std::string_view(text).substr(begin, i + 1 - begin), &out);
    begin = i + 1;
  }
  if (!*stopped) filter.Finish(&out);
  return out;
}

TEST_CASE("Every way of cutting a text into pieces shows the same") {
  const std::vector<std::string> stops = {"aab", "ba\n", "\n\n"};
  for (const std::string text :
       {"xaab", "xaaabx", "aaaaab", "aba\nb", "ab\n\n", "aa", "x\nab\n", "abab"}) {
    size_t first = std::string::npos;
    for (const std::string& stop : stops) first = std::min(first, text.find(stop));
    for (uint32_t cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
      bool stopped = false;
      const std::string shown = Show(stops, text, cuts, &stopped);
      REQUIRE(stopped == (first != std::string::npos));
      // A piece may bring two stop texts at once: the first in the text counts, as when it comes
      // byte by byte, unless they overlap; none of these do.
      REQUIRE(shown == text.substr(0, first));
    }
  }
}

TEST_CASE("What may become a stop text is held, anything else is shown at once") {
  StopText filter({"\nUser:"});
  std::string out;
  CHECK_FALSE(filter.Push("Hi\nUs", &out));
  CHECK(out == "Hi");
  CHECK_FALSE(filter.Push("ually", &out));
  CHECK(out == "Hi\nUsually");
  CHECK_FALSE(filter.Push("\n\nUser", &out));
  CHECK(out == "Hi\nUsually\n");
  CHECK(filter.Push(": more", &out));
  CHECK(out == "Hi\nUsually\n");
}

TEST_CASE("Without stop texts everything passes") {
  StopText filter({});
  std::string out;
  CHECK_FALSE(filter.Push("abc", &out));
  CHECK(out == "abc");
}

}  // namespace
}  // namespace parley
