// From a path on the command line to a model that is registered in the store and, when asked, quantized.
#pragma once

#include <string>

#include "base/file.h"
#include "candidate/facts.h"
#include "cli/commands.h"
#include "store/store.h"

namespace loco {

struct ModelFile {
  Path path;
  Facts facts;
  ModelRow row;  // with its id in the store
};

// Throws Error for what is no complete language model that the engine survives: an adapter, a truncated file, a part of
// a split model, an unknown architecture. With `vocabulary_only`, weights are not needed.
void CheckIsModel(const Facts& facts, bool vocabulary_only = false);

// Reads the facts, hashes the content (once for an unchanged file) and adds the model to the store. Throws Error for
// what is no complete language model: vocabulary only, an adapter, a part of a split model, a truncated file.
ModelFile RegisterModel(Store& store, const Path& path);

// Nothing that exists is written over without being asked, and never what it is made of: throws Error.
void RefuseOverwrite(const Path& out, const Path& source, bool force);

// F16, BF16 and F32: what a quantized copy can be made of.
bool IsUnquantized(const std::string& quantization);

// Where the copy at `quantization` of a file lies in the user's cache, or would lie.
Path QuantizedCopyPath(const ModelFile& source, const std::string& quantization);

// The model at `quantization`: the file itself when it has it already, otherwise a copy made once by llama.cpp's
// quantizer and kept in the user's cache under the content hash of its source.
ModelFile AtQuantization(Store& store, const ModelFile& source, const std::string& quantization, Session& session);

// The row of an adapter file: of the training that made it, or a new one for a file from elsewhere. Throws Error for
// what is no adapter, or one of another architecture.
AdapterRow RegisterAdapter(Store& store, const Path& path, const ModelFile& base);

// How many sequences of `context` tokens, at most `wanted`, this machine's free memory holds beside the weights. Throws
// Error when not even one does: the kernel would kill the process without a word.
int SequencesThatFit(const Facts& facts, int context, int wanted);

// Machine row of this computer, added to the store.
MachineRow RegisterMachine(Store& store);

}  // namespace loco
