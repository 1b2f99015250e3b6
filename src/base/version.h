// What this program is, for `loco --version` and for the identity of measurements.
#pragma once

#include <string_view>

namespace loco {

std::string_view Version();           // "0.1.0"
std::string_view Revision();          // git commit of the build, "-dirty" appended when the tree had changes; "unknown"
std::string_view BuildDescription();  // compiler and build type: "g++ 12.2.0, Release"
std::string_view EngineVersion();     // "llama.cpp v0.5.0 (de3ff81, native)"

}  // namespace loco
