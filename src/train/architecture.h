// A model file as a network that can be trained: one descriptor for each supported architecture, filled from the file.
//
//   MappedFile file(path);
//   const Gguf gguf = ParseGguf(file.bytes(), path.string());
//   Network network = BuildNetwork(gguf, file.bytes(), path);
//
// Another architecture is one row in kArchitectures (architecture.cc) when its block is the one of net/network.h;
// docs/training.md says what to check. What is not covered (mixtures of experts, recurrent layers, YaRN) is refused by
// name, never approximated.
//
// Source of every rule: llama.cpp v0.5.0, src/models/*.cpp, because the adapter has to fit what that engine computes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "candidate/gguf.h"
#include "net/network.h"

namespace loco {

// "llama", "qwen2", …: what BuildNetwork() can read.
std::vector<std::string> TrainableArchitectures();

// `file` must outlive the network, whose weights are views into it. Throws Error, with the list of supported
// architectures, for a file that cannot be trained.
Network BuildNetwork(const Gguf& gguf, std::span<const std::byte> file, const Path& path);

}  // namespace loco
