#include "eval/evaluate.h"

#include <doctest/doctest.h>

#include <set>

#include "base/error.h"
#include "engine/fake_model.h"

namespace loco {
namespace {

Task SumTask(int count) {
  Task task;
  task.name = "sums";
  task.user = "{q}";
  task.scorer = "numeric";
  task.max_tokens = 8;
  task.hash = "sums" + std::to_string(count);
  for (int i = 0; i < count; ++i) {
    Item item;
    item.id = "i" + std::to_string(100 + i);
    item.fields["q"] = std::to_string(i);
    item.answer = std::to_string(2 * i);
    task.items.push_back(item);
  }
  return task;
}

// Doubles the number in the prompt, but is wrong for multiples of 5.
std::string Double(const std::string& prompt) {
  const int number = std::stoi(prompt.substr(prompt.find("[user]") + 6));
  return number % 5 == 0 ? "no" : std::to_string(2 * number);
}

ModelRow AddModel(Store& store) {
  ModelRow row{.hash = "m", .name = "m", .architecture = "fake", .quantization = "F16"};
  row.id = store.AddModel(row);
  return row;
}

// Stops the work after some items, as Ctrl-C does.
class StopAfter : public NoProgress {
 public:
  explicit StopAfter(int64_t items) : items_(items) {}
  void Update(int64_t done, std::string_view) override {
    if (done >= items_) throw Interrupted();
  }

 private:
  int64_t items_;
};

TEST_CASE("a run answers and marks every item") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  FakeModel model(Double);
  NoProgress progress;
  const EvaluationResult result = Evaluate(store, model, AddModel(store), SumTask(20), {}, progress, clock);
  CHECK(result.generated == 20);
  const RunScore score = ScoreOf(store, result.run);
  CHECK(score.answered == 20);
  CHECK(score.Count(Outcome::kRight) == 16);
  CHECK(score.Count(Outcome::kUnparsed) == 4);
  CHECK(score.share.value == doctest::Approx(0.8));
}

TEST_CASE("a stopped run makes no row twice, computes no finished group again, and ends with the same rows") {
  const FakeClock clock;
  constexpr int64_t kItems = 70;
  constexpr int64_t kGroup = BatchOptions{}.group;
  const Task task = SumTask(kItems);
  NoProgress progress;
  Store whole = Store::Open(":memory:", clock);
  FakeModel one(Double);
  const RowId expected = Evaluate(whole, one, AddModel(whole), task, {}, progress, clock).run;

  for (int64_t stop = 1; stop < kItems; ++stop) {
    CAPTURE(stop);
    Store store = Store::Open(":memory:", clock);
    FakeModel model(Double);
    const ModelRow row = AddModel(store);
    StopAfter interrupt(stop);
    CHECK_THROWS_AS(Evaluate(store, model, row, task, {}, interrupt, clock), Interrupted);
    const EvaluationResult rest = Evaluate(store, model, row, task, {}, progress, clock);
    CHECK(rest.stored == stop);
    CHECK(rest.generated == kItems - stop);
    CHECK(model.generated == kItems + stop % kGroup);
    const auto left = whole.Answers(expected, "numeric/1");
    const auto right = store.Answers(rest.run, "numeric/1");
    REQUIRE(left.size() == right.size());
    for (size_t i = 0; i < left.size(); ++i) {
      CHECK(left[i].answer.item == right[i].answer.item);
      CHECK(left[i].answer.text == right[i].answer.text);
      CHECK(left[i].mark.outcome == right[i].mark.outcome);
    }
  }
}

TEST_CASE("whatever changes what the model sees is another run") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  FakeModel model(Double);
  NoProgress progress;
  const ModelRow row = AddModel(store);
  const RowId first = Evaluate(store, model, row, SumTask(5), {}, progress, clock).run;
  CHECK(Evaluate(store, model, row, SumTask(5), {}, progress, clock).run == first);
  CHECK(Evaluate(store, model, row, SumTask(5), {.parallel = 1}, progress, clock).run == first);
  CHECK(Evaluate(store, model, row, SumTask(5), {.context = 64}, progress, clock).run != first);
  CHECK(Evaluate(store, model, row, SumTask(6), {}, progress, clock).run != first);
  model.mutable_info().chat_template += "{# changed #}";
  CHECK(Evaluate(store, model, row, SumTask(5), {}, progress, clock).run != first);
}

TEST_CASE("a prompt longer than the context and a cut answer are outcomes, not errors") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  FakeModel model([](const std::string&) { return std::string(50, '7'); });
  NoProgress progress;
  Task task = SumTask(2);
  task.items[1].fields["q"] = std::string(100, '1');
  const EvaluationResult result = Evaluate(store, model, AddModel(store), task, {.context = 60}, progress, clock);
  const RunScore score = ScoreOf(store, result.run);
  CHECK(score.Count(Outcome::kTruncated) == 1);
  CHECK(score.Count(Outcome::kTooLong) == 1);
  CHECK(score.share.value == 0);
}

TEST_CASE("multiple choice takes the likeliest continuation") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  FakeModel model([](const std::string&) { return "blue"; });
  NoProgress progress;
  Task task;
  task.name = "choice";
  task.hash = "choice";
  task.user = "{q}";
  task.scorer = "choice";
  for (const size_t right : {size_t{0}, size_t{1}}) {
    Item item;
    item.id = std::to_string(right);
    item.fields["q"] = "sky?";
    item.choices = {"red", "blue"};
    item.right_choice = right;
    task.items.push_back(item);
  }
  const RowId run = Evaluate(store, model, AddModel(store), task, {}, progress, clock).run;
  const auto answers = store.Answers(run, "choice/1");
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].mark.outcome == Outcome::kWrong);
  CHECK(answers[1].mark.outcome == Outcome::kRight);
  CHECK(answers[1].answer.text == "blue");
}

TEST_CASE("thinking is stored apart, has a budget of its own, and alone is no answer") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  FakeModel model([](const std::string& prompt) -> std::string {
    const int number = std::stoi(prompt.substr(prompt.find("[user]") + 6));
    if (number == 0) return "<think>zero is zero";
    if (number == 1) return "<think>a long thought about numbers and how they are doubled</think>2";
    return "<think>easy</think> " + std::to_string(2 * number);
  });
  NoProgress progress;
  EvaluationOptions options;
  options.sampler.thinking_tokens = 30;
  const EvaluationResult result = Evaluate(store, model, AddModel(store), SumTask(3), options, progress, clock);
  const auto answers = store.Answers(result.run, "numeric/1");
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].mark.outcome == Outcome::kThinkingOnly);
  CHECK(answers[0].answer.thinking == "zero is zero");
  CHECK(answers[1].mark.outcome == Outcome::kRight);
  CHECK(answers[1].answer.text == "2");
  CHECK(answers[1].answer.detail.find("\"thinking_cut\":true") != std::string::npos);
  CHECK(answers[2].mark.outcome == Outcome::kRight);
  CHECK(answers[2].answer.thinking == "easy");
  CHECK(answers[2].answer.thinking_tokens == 19);
  CHECK(answers[2].answer.generated_tokens == 19 + 2);
}

TEST_CASE("several samples an item have seeds of their own, and resume to the same rows") {
  const FakeClock clock;
  // Right for half of the seeds.
  const auto answer = [](const std::string& prompt) -> std::string {
    const uint64_t seed = std::stoull(prompt.substr(prompt.find("[seed ") + 6));
    return seed % 2 == 0 ? Double(prompt) : "1000000";
  };
  EvaluationOptions options;
  options.sampler = {.temperature = 0.8, .samples = 4};
  NoProgress progress;
  Store whole = Store::Open(":memory:", clock);
  FakeModel model(answer);
  const EvaluationResult expected = Evaluate(whole, model, AddModel(whole), SumTask(12), options, progress, clock);
  CHECK(expected.generated == 48);

  Store store = Store::Open(":memory:", clock);
  const ModelRow row = AddModel(store);
  StopAfter stop(13);
  CHECK_THROWS_AS(Evaluate(store, model, row, SumTask(12), options, stop, clock), Interrupted);
  const EvaluationResult rest = Evaluate(store, model, row, SumTask(12), options, progress, clock);
  const auto left = whole.Answers(expected.run, "numeric/1");
  const auto right = store.Answers(rest.run, "numeric/1");
  REQUIRE(left.size() == right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    CHECK(left[i].answer.item == right[i].answer.item);
    CHECK(left[i].answer.sample == right[i].answer.sample);
    CHECK(left[i].answer.text == right[i].answer.text);
  }
  const RunScore score = ScoreOf(store, rest.run);
  CHECK(score.items == 48);
  CHECK(score.answered == 48);
  CHECK(score.ids.size() == 12);
  // Another seed is another run.
  options.sampler.seed = 2;
  CHECK(Evaluate(store, model, row, SumTask(12), options, progress, clock).run != rest.run);
}

TEST_CASE("what changes an answer changes the key of its run") {
  const RunIdentity base{"m", "t", "c", 512, "greedy", ""};
  std::set<std::string> keys = {RunKey(base)};
  for (const RunIdentity& other :
       {RunIdentity{"n", "t", "c", 512, "greedy", ""}, RunIdentity{"m", "u", "c", 512, "greedy", ""},
        RunIdentity{"m", "t", "d", 512, "greedy", ""}, RunIdentity{"m", "t", "c", 513, "greedy", ""},
        RunIdentity{"m", "t", "c", 512, "other", ""}, RunIdentity{"m", "t", "c", 512, "greedy", "a"},
        RunIdentity{"m", "t", "c", 512, "greedy", "", "another engine"}}) {
    CHECK(keys.insert(RunKey(other)).second);
  }
  const Task task = SumTask(1);
  std::set<std::string> samplers;
  SamplerOptions options;
  for (const Thinking thinking : {Thinking::kTemplate, Thinking::kOn, Thinking::kOff}) {
    CHECK(samplers.insert(SamplerText(options, thinking, task)).second);
  }
  options.max_tokens = 9;
  CHECK(samplers.insert(SamplerText(options, Thinking::kOff, task)).second);
  options.thinking_tokens = 9;
  CHECK(samplers.insert(SamplerText(options, Thinking::kOff, task)).second);
  options.deterministic = true;
  CHECK(samplers.insert(SamplerText(options, Thinking::kOff, task)).second);
}

}  // namespace
}  // namespace loco
