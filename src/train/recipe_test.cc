#include "train/recipe.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/error.h"

namespace loco {
namespace {

Recipe Load(const std::string& text) {
  const Path path = std::filesystem::temp_directory_path() / "loco-recipe-test.toml";
  WriteFileAtomically(path, text);
  const Recipe recipe = LoadRecipe(path);
  std::filesystem::remove(path);
  return recipe;
}

TEST_CASE("a recipe reads back from its own JSON as the same recipe") {
  const Recipe recipe = Load(
      "[adapter]\nrank = 8\nalpha = 12.5\ndropout = 0.1\nrank_stabilized = true\ntargets = [\"attn_q\", \"ffn_up\"]\n"
      "[training]\nlearning_rate = 3e-4\nschedule = \"linear\"\ntokens = 5000\nseed = 7\n");
  CHECK(recipe.adapter.rank == 8);
  CHECK(recipe.adapter.targets == std::vector<std::string>{"attn_q", "ffn_up"});
  CHECK(recipe.decay == Decay::kLinear);
  CHECK(recipe.token_budget == 5000);
  const std::string json = RecipeToJson(recipe);
  CHECK(RecipeToJson(RecipeFromJson(json)) == json);
}

TEST_CASE("mistakes of a recipe are named with their places") {
  CHECK_THROWS_WITH_AS(Load("[adapter]\nrnak = 8\n"), doctest::Contains("did you mean 'rank'"), Error);
  CHECK_THROWS_WITH_AS(Load("[adapter]\ntargets = [\"attn_x\"]\n"), doctest::Contains("attn_x"), Error);
  CHECK_THROWS_WITH_AS(Load("[training]\nepochs = 1\ntokens = 5\n"), doctest::Contains("exclude each other"), Error);
  CHECK_THROWS_AS(Load("[training]\nepochs = 0\n"), Error);
}

}  // namespace
}  // namespace loco
