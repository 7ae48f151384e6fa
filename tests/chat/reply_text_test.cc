#include "chat/reply_text.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace parley {
namespace {

// What each piece shows, then what the end does.
std::vector<std::string> Shown(ReplyText text, const std::vector<std::string>& pieces) {
  std::vector<std::string> shown;
  bool stopped = false;
  for (const std::string& piece : pieces) {
    REQUIRE_FALSE(stopped);
    text.Clear();
    stopped = text.Push(piece);
    shown.emplace_back(text.shown());
  }
  text.Clear();
  text.Finish();
  shown.emplace_back(text.shown());
  return shown;
}

using Pieces = std::vector<std::string>;

TEST_CASE("The words of a reply come as soon as nothing can change them") {
  CHECK(Shown(ReplyText({}, 4, false), {"a", "\xC3", "\xA9z"}) == Pieces{"a", "", "\xC3\xA9z", ""});
  CHECK(Shown(ReplyText({}, 4, false), {"a\xC3"}) == Pieces{"a", "\xEF\xBF\xBD"});
  CHECK(Shown(ReplyText({"\nUser"}, 5, false), {"a\nU", "x"}) == Pieces{"a", "\nUx", ""});
  CHECK(Shown(ReplyText({"\nUser"}, 5, false), {"a\nU"}) == Pieces{"a", "\nU"});
}

TEST_CASE("Behind a stop text nothing is shown, half a character included") {
  CHECK(Shown(ReplyText({"end"}, 5, false), {"a en", "d b\xC3"}) == Pieces{"a ", "", ""});
}

TEST_CASE("One space before the words is the layout's, where there is one to be") {
  CHECK(Shown(ReplyText({}, 4, true), {"  a", " b"}) == Pieces{" a", " b", ""});
  CHECK(Shown(ReplyText({}, 4, true), {"", "a", " b"}) == Pieces{"", "a", " b", ""});
  CHECK(Shown(ReplyText({}, 4, false), {" a"}) == Pieces{" a", ""});
  CHECK(Shown(ReplyText({" b"}, 4, true), {" "}) == Pieces{"", ""});  // held back, then trimmed
}

}  // namespace
}  // namespace parley
