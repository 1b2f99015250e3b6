// Adapters of other programs: folders of PEFT (Hugging Face) and of MLX-LM.
//
//   StoredAdapter adapter = ImportAdapter("their-adapter/", network);    // PEFT or MLX, by what its configuration says
//   ExportPeft("peft/", ReadAdapter("adapter.gguf"), network, "Qwen/Qwen3-0.6B");
//
// Both keep adapter_config.json and safetensors under the names of Hugging Face's model classes. Those classes rotate
// the two halves of a head, where llama's and SmolLM3's GGUF files interleave them: the rows of q and k are reordered
// on the way, as llama.cpp's converter does for the weights.
//
// What a GGUF adapter cannot hold is refused by name, never dropped: DoRA, modules saved whole, other tasks than text
// generation, biases, embeddings, initializations that change the base.
//
// Sources, read 2026-11-21: PEFT's LoraConfig and its checkpoint format (https://huggingface.co/docs/peft), MLX-LM's
// LORA.md (https://github.com/ml-explore/mlx-lm).
#pragma once

#include <string>

#include "base/file.h"
#include "net/network.h"
#include "train/adapter_file.h"

namespace loco {

// Throws Error naming the file and what in it cannot be used: wrong shapes for this base included. The facts' name is
// the folder's.
StoredAdapter ImportAdapter(const Path& folder, const Network& base);

// Writes adapter_config.json and adapter_model.safetensors. `base_name` is what PEFT shall load the base by.
void ExportPeft(const Path& folder, const StoredAdapter& adapter, const Network& base, const std::string& base_name);

}  // namespace loco
