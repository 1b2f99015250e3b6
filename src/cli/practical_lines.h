// The practical test as lines of text, for `loco bench` and `loco show`.
#pragma once

#include <string>

#include "eval/practical.h"

namespace loco {

std::string PracticalLines(const PracticalResult& result);

}  // namespace loco
