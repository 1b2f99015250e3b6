// "Did you mean …?" for keys, commands and names that nearly match.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace loco {

// The candidate nearest to `word` by edit distance (insert, delete, replace, swap of neighbours), when it is near
// enough to be what was meant: at most a third of the word's length, at least one.
std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace loco
