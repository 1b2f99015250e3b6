// An adapter folded into its base: one file that runs without it.
//
//   MergeReport report = MergeAdapter("base.gguf", ReadAdapter("adapter.gguf"), "merged.gguf", {});
//
// A merged weight has to be rounded again to a type of the file, and on few bits that rounding can be larger than what
// the adapter changed: the report says both, and a larger type for the merged weights is one option away.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/file.h"
#include "train/adapter_file.h"

namespace loco {

struct MergeOptions {
  std::optional<uint32_t> type;  // of the merged weights; nothing: each keeps the base's
  std::string adapter_hash;      // written into the file, as are the adapter's name and the base's hash
  std::string base_hash;
};

struct MergeReport {
  int64_t tensors = 0;  // merged; the others are the base's, bit for bit
  int64_t bytes = 0;    // of the file
  // Root mean squares over the merged weights, relative to the base's weights.
  double change = 0;    // scale · b · a, what the adapter does
  double rounding = 0;  // what storing the sum costs
};

// Atomically; `progress` gets weights done and in all. Throws Error when the adapter is of another base, a type cannot
// be written without calibration data, or the disk is full; Interrupted on Ctrl-C.
MergeReport MergeAdapter(const Path& base, const StoredAdapter& adapter, const Path& out, const MergeOptions& options,
                         const std::function<void(int64_t, int64_t)>& progress);

}  // namespace loco
