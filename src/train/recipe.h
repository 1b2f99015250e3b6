// How an adapter is trained: the numbers of a recipe, from a TOML file and the command line.
//
//   Recipe recipe = LoadRecipe("recipe.toml");      // throws, listing every mistake with its place
//   RecipeToJson(recipe);                           // what the adapter and the store keep; part of a run's identity
//
// docs/training.md describes the file.
#pragma once

#include <cstdint>
#include <string>

#include "base/file.h"
#include "train/adapter.h"
#include "train/optimizer.h"

namespace loco {

struct Recipe {
  AdapterShape adapter;
  double dropout = 0.05;
  double learning_rate = 2e-4;
  Decay decay = Decay::kCosine;
  double warm_up_share = 0.1;  // of all steps
  double weight_decay = 0;
  double clip_norm = 1;           // 0: no clipping
  int64_t epochs = 3;             // ignored when there is a token budget
  int64_t token_budget = 0;       // tokens to train on, however many epochs that takes; 0: none
  int64_t tokens_per_pass = 512;  // samples are packed up to this; a longer sample has a pass of its own
  int64_t passes_per_step = 1;    // gradients accumulated
  int64_t max_tokens = 1024;      // of a sample; longer ones are cut
  uint64_t seed = 1;
};

Recipe LoadRecipe(const Path& path);
// One line, keys in a fixed order, numbers that read back as the same numbers.
std::string RecipeToJson(const Recipe& recipe);
// Of what RecipeToJson() wrote.
Recipe RecipeFromJson(const std::string& json);

// "constant", "linear", "cosine".
std::string DecayName(Decay decay);
Decay ParseDecay(const std::string& name);

}  // namespace loco
