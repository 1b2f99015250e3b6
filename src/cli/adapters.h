// What the commands do with adapter files: fold them into their base, carry them to and from other programs.
#pragma once

#include <string>

#include "base/file.h"
#include "candidate/gguf.h"
#include "cli/commands.h"
#include "net/network.h"
#include "train/merge.h"

namespace loco {

// A base as a network, for its layers' names and shapes: the weights stay in the file.
class BaseNetwork {
 public:
  // Throws Error for what is no model, or one that the trainer does not know.
  explicit BaseNetwork(const Path& path);
  const Network& network() const { return network_; }
  // What PEFT may load the base by: the name that the file gives itself, or the file's.
  std::string name() const;

 private:
  Path path_;
  MappedFile file_;
  Gguf gguf_;
  Network network_;
};

struct MergedFile {
  Path path;
  std::string hash;
  std::string type;  // of the merged weights; empty: each as in the base
  MergeReport report;
};
// The type of single weights that is called so, in either case. Throws Error.
const GgmlType& WeightTypeNamed(const std::string& name);

// The adapter folded into the base, with a progress bar. `type` is the name of a ggml type, or empty.
MergedFile MergeIntoFile(Session& session, const Path& base, const Path& adapter, const Path& out,
                         const std::string& type);
std::string MergeLines(const MergedFile& merged);
std::string MergeToJson(const MergedFile& merged);

// The adapter as a PEFT folder. `base_name` may be empty: what the base's file says.
void ExportAdapter(const Path& base, const Path& adapter, const Path& folder, const std::string& base_name);

}  // namespace loco
