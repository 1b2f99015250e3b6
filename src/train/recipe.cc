#include "train/recipe.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/toml_file.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> kDecayNames = {"constant", "linear", "cosine"};
constexpr std::array kDecays = {Decay::kConstant, Decay::kLinear, Decay::kCosine};

template <typename T, typename Read>
void Set(T& value, const Read& read) {
  if (read) value = static_cast<T>(*read);
}

}  // namespace

std::string DecayName(Decay decay) {
  for (size_t i = 0; i < kDecays.size(); ++i) {
    if (kDecays[i] == decay) return kDecayNames[i];
  }
  LOCO_CHECK(false);
}

Decay ParseDecay(const std::string& name) {
  for (size_t i = 0; i < kDecays.size(); ++i) {
    if (kDecayNames[i] == name) return kDecays[i];
  }
  throw Error("unknown schedule '" + name + "'", "one of constant, linear, cosine", ExitCode::kUsage);
}

Recipe LoadRecipe(const Path& path) {
  std::vector<Diagnostic> mistakes;
  TomlFile file(path, ReadFile(path), mistakes);
  TomlTable top = file.root();
  Recipe recipe;

  TomlTable adapter = top.Table("adapter");
  Set(recipe.adapter.rank, adapter.Integer("rank", {.least = 1, .most = 1024}));
  Set(recipe.adapter.alpha, adapter.Number("alpha", {.least = 1e-6}));
  Set(recipe.adapter.rank_stabilized, adapter.Flag("rank_stabilized"));
  Set(recipe.dropout, adapter.Number("dropout", {.least = 0, .most = 0.9}));
  const std::vector<std::string> targets = AdapterTargets();
  for (const size_t at : adapter.EachOneOf("targets", targets)) recipe.adapter.targets.push_back(targets[at]);

  TomlTable training = top.Table("training");
  Set(recipe.learning_rate, training.Number("learning_rate", {.least = 0, .most = 10}));
  if (const auto decay = training.OneOf("schedule", kDecayNames)) recipe.decay = kDecays[*decay];
  Set(recipe.warm_up_share, training.Number("warm_up", {.least = 0, .most = 1}));
  Set(recipe.weight_decay, training.Number("weight_decay", {.least = 0, .most = 1}));
  Set(recipe.clip_norm, training.Number("clip_norm", {.least = 0}));
  if (training.Has("epochs") && training.Has("tokens")) {
    training.Wrong("tokens", "'epochs' and 'tokens' exclude each other: one of them says how long to train");
  }
  Set(recipe.epochs, training.Integer("epochs", {.least = 1, .most = 10'000}));
  Set(recipe.token_budget, training.Integer("tokens", {.least = 1, .most = 1 << 30}));
  Set(recipe.tokens_per_pass, training.Integer("tokens_per_pass", {.least = 16, .most = 1 << 20}));
  Set(recipe.passes_per_step, training.Integer("passes_per_step", {.least = 1, .most = 4096}));
  Set(recipe.max_tokens, training.Integer("max_tokens", {.least = 8, .most = 1 << 20}));
  Set(recipe.seed, training.Count("seed"));
  file.Finish();
  ThrowMistakes(mistakes);
  return recipe;
}

std::string RecipeToJson(const Recipe& recipe) {
  return Json{{"rank", recipe.adapter.rank},
              {"alpha", recipe.adapter.alpha},
              {"rank_stabilized", recipe.adapter.rank_stabilized},
              {"targets", recipe.adapter.targets},
              {"dropout", recipe.dropout},
              {"learning_rate", recipe.learning_rate},
              {"schedule", DecayName(recipe.decay)},
              {"warm_up", recipe.warm_up_share},
              {"weight_decay", recipe.weight_decay},
              {"clip_norm", recipe.clip_norm},
              {"epochs", recipe.epochs},
              {"tokens", recipe.token_budget},
              {"tokens_per_pass", recipe.tokens_per_pass},
              {"passes_per_step", recipe.passes_per_step},
              {"max_tokens", recipe.max_tokens},
              {"seed", recipe.seed}}
      .dump();
}

Recipe RecipeFromJson(const std::string& text) {
  const Json json = Json::parse(text);
  return {.adapter = {.rank = json.at("rank"),
                      .alpha = json.at("alpha"),
                      .rank_stabilized = json.at("rank_stabilized"),
                      .targets = json.at("targets")},
          .dropout = json.at("dropout"),
          .learning_rate = json.at("learning_rate"),
          .decay = ParseDecay(json.at("schedule")),
          .warm_up_share = json.at("warm_up"),
          .weight_decay = json.at("weight_decay"),
          .clip_norm = json.at("clip_norm"),
          .epochs = json.at("epochs"),
          .token_budget = json.at("tokens"),
          .tokens_per_pass = json.at("tokens_per_pass"),
          .passes_per_step = json.at("passes_per_step"),
          .max_tokens = json.at("max_tokens"),
          .seed = json.at("seed")};
}

}  // namespace loco
