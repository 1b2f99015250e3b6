#include "train/trainer.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "base/error.h"
#include "base/random.h"
#include "train/model_fixture.h"

namespace loco {
namespace {

// Sentences of a made-up language with one rule: every token is followed by its successor.
DataSet Successions(int count, uint64_t seed) {
  Random random(seed);
  DataSet data;
  for (int i = 0; i < count; ++i) {
    Sample sample{.line = static_cast<size_t>(i + 1)};
    auto token = static_cast<Token>(10 + random.Below(40));
    const auto length = 6 + random.Below(8);
    for (uint64_t k = 0; k < length; ++k) {
      sample.tokens.push_back(token);
      sample.learned.push_back(k == 0 ? 0 : 1);
      token = 10 + (token - 10 + 1) % 40;
    }
    data.samples.push_back(std::move(sample));
  }
  return data;
}

Recipe SmallRecipe() {
  return {.adapter = {.rank = 8, .alpha = 16},
          .dropout = 0.05,
          .learning_rate = 5e-3,
          .epochs = 2,
          .tokens_per_pass = 64,
          .passes_per_step = 2,
          .seed = 5};
}

TEST_CASE("training lowers the loss on what was held out") {
  const ModelFixture model("qwen3", /*full_precision=*/false);
  Network network = model.network();
  Threads threads(2);
  const DataSet data = Successions(60, 1);
  const DataSet held_out = Successions(20, 2);
  Trainer trainer(network, threads, data, SmallRecipe(), {});
  const double before = trainer.Evaluate(held_out);
  trainer.Run(&held_out, [](const TrainingState&) {});
  const int64_t steps = trainer.state().steps;
  CHECK(steps == trainer.total_steps());
  CHECK(trainer.state().evaluations.front().loss == doctest::Approx(before));
  CHECK(trainer.state().evaluations.back().loss < before - 1.0);
  MESSAGE("held-out loss " << before << " → " << trainer.state().evaluations.back().loss << " in " << steps
                           << " steps");
}

TEST_CASE("a run that was killed and resumed gives the same bits as one that was not") {
  const ModelFixture model("llama", /*full_precision=*/false);
  Threads threads(2);
  const DataSet data = Successions(30, 1);
  const DataSet held_out = Successions(6, 2);
  Network network = model.network();
  Trainer whole(network, threads, data, SmallRecipe(), {.identity = "x"});
  whole.Run(&held_out, [](const TrainingState&) {});

  const Path checkpoint = model.folder() / "run.checkpoint";
  const TrainerOptions options{.checkpoint = checkpoint, .identity = "x", .stored_blocks = 2, .checkpoint_seconds = 0};
  for (const int64_t stop : {3, 5}) {
    Network again = model.network();
    Trainer part(again, threads, data, SmallRecipe(), options);
    if (stop > 3) part.Resume(ReadCheckpoint(checkpoint));
    CHECK_THROWS_AS(part.Run(&held_out,
                             [&](const TrainingState& state) {
                               if (state.steps == stop) throw std::runtime_error("killed");
                             }),
                    std::runtime_error);
  }
  Network again = model.network();
  Trainer rest(again, threads, data, SmallRecipe(), options);
  rest.Resume(ReadCheckpoint(checkpoint));
  CHECK(rest.state().steps == 4);
  rest.Run(&held_out, [](const TrainingState&) {});
  REQUIRE(rest.state().history.size() == whole.state().history.size());
  for (size_t i = 0; i < whole.state().history.size(); ++i) {
    CHECK(rest.state().history[i].loss == whole.state().history[i].loss);
  }
  for (size_t p = 0; p < whole.state().adapter.pairs.size(); ++p) {
    CHECK(rest.state().adapter.pairs[p].a == whole.state().adapter.pairs[p].a);
    CHECK(rest.state().adapter.pairs[p].b == whole.state().adapter.pairs[p].b);
  }
  CHECK(rest.state().evaluations.back().loss == whole.state().evaluations.back().loss);
}

TEST_CASE("a damaged checkpoint, or one of another run, is refused") {
  const ModelFixture model("llama", /*full_precision=*/false);
  Network network = model.network();
  Threads threads(1);
  const DataSet data = Successions(10, 1);
  const Path checkpoint = model.folder() / "run.checkpoint";
  Trainer trainer(network, threads, data, SmallRecipe(), {.checkpoint = checkpoint, .identity = "x"});
  trainer.Run(nullptr, [](const TrainingState&) {});
  std::string content = ReadFile(checkpoint);
  Trainer other(network, threads, data, SmallRecipe(), {.identity = "y"});
  CHECK_THROWS_WITH_AS(other.Resume(ReadCheckpoint(checkpoint)), doctest::Contains("belongs to another run"), Error);
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  WriteFileAtomically(checkpoint, content);
  CHECK_THROWS_WITH_AS(ReadCheckpoint(checkpoint), doctest::Contains("is damaged"), Error);
  WriteFileAtomically(checkpoint, content.substr(0, 100));
  CHECK_THROWS_AS(ReadCheckpoint(checkpoint), Error);
}

}  // namespace
}  // namespace loco
