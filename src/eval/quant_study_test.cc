#include "eval/quant_study.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "base/random.h"

namespace loco {
namespace {

// `n` items of which the reference answers the first `right`; a level then loses the first `lost` of these and gains
// the last `gained` items.
std::vector<uint8_t> AnswersOf(int n, int right, int lost = 0, int gained = 0) {
  std::vector<uint8_t> outcomes;
  for (int i = 0; i < n; ++i) outcomes.push_back((i >= lost && i < right) || i >= n - gained ? 1 : 0);
  return outcomes;
}

QuantLevel Level(const char* name, uint64_t bytes, std::vector<uint8_t> right) {
  return {.name = name, .file = Bytes{bytes}, .tasks = {{"task", std::move(right)}}};
}

TEST_CASE("a level is compared item by item: flips both ways, retention, exact McNemar") {
  const std::vector<QuantLevel> levels = {Level("F16", 200, AnswersOf(100, 60)),
                                          Level("Q4_0", 50, AnswersOf(100, 60, 10, 2))};
  const QuantStudy study = StudyLevels(levels);
  REQUIRE(study.levels.size() == 2);
  CHECK(study.items == 100);
  CHECK(study.tasks == std::vector<std::string>{"task"});
  CHECK(study.levels[0].verdict == LevelVerdict::kReference);
  CHECK(study.levels[0].all.retention == 1);
  CHECK(study.levels[0].all.flips == 0);
  const LevelComparison& q4 = study.levels[1].all;
  CHECK(q4.score.value == doctest::Approx(0.52));
  CHECK(q4.difference.value == doctest::Approx(-0.08));
  CHECK(q4.difference.interval.Contains(-0.08));
  CHECK(q4.right_to_wrong == 10);
  CHECK(q4.wrong_to_right == 2);
  CHECK(q4.flips == doctest::Approx(0.12));
  CHECK(*q4.retention == doctest::Approx(52.0 / 60));
  CHECK(q4.difference.p == doctest::Approx(0.03857).epsilon(1e-3));  // 2 P(Bin(12, ½) <= 2)
}

TEST_CASE("retention is unknown where the reference has nothing right") {
  const QuantStudy study =
      StudyLevels(std::vector{Level("F16", 200, AnswersOf(50, 0)), Level("Q8_0", 100, AnswersOf(50, 0, 0, 3))});
  CHECK(!study.levels[1].all.retention);
  CHECK(study.levels[1].all.wrong_to_right == 3);
}

TEST_CASE("levels go by file size, whatever their names and order; the reference stays first") {
  const QuantStudy study =
      StudyLevels(std::vector{Level("Q8_0", 100, AnswersOf(50, 25)), Level("Q2_K", 40, AnswersOf(50, 25)),
                              Level("F16", 200, AnswersOf(50, 25)), Level("Q4_K_M", 60, AnswersOf(50, 25))});
  CHECK(study.levels[0].name == "Q8_0");
  CHECK(study.levels[1].name == "F16");
  CHECK(study.levels[2].name == "Q4_K_M");
  CHECK(study.levels[3].name == "Q2_K");
}

TEST_CASE("not worse needs items: the same answers say more on 2,000 items than on 50") {
  for (const int n : {50, 2000}) {
    CAPTURE(n);
    const bool enough = n == 2000;
    const QuantStudy study = StudyLevels(
        std::vector{Level("F16", 200, AnswersOf(n, n / 2)), Level("Q8_0", 100, AnswersOf(n, n / 2, n / 100, n / 100))});
    CHECK(study.levels[1].verdict == (enough ? LevelVerdict::kNotWorse : LevelVerdict::kUndecided));
    CHECK(study.smallest_not_worse.has_value() == enough);
    CHECK((study.levels[1].p_not_worse <= 0.05) == enough);
  }
}

TEST_CASE("the smallest level that is not worse may lie below one that is undecided") {
  const QuantStudy study = StudyLevels(
      std::vector{Level("F16", 200, AnswersOf(2000, 1000)), Level("Q8_0", 100, AnswersOf(2000, 1000, 4, 4)),
                  Level("Q5_K_M", 70, AnswersOf(2000, 1000, 40, 4)), Level("Q4_K_M", 60, AnswersOf(2000, 1000, 8, 8)),
                  Level("Q2_K", 40, AnswersOf(2000, 1000, 300, 10))});
  CHECK(study.levels[1].verdict == LevelVerdict::kNotWorse);
  CHECK(study.levels[2].verdict == LevelVerdict::kUndecided);
  CHECK(study.levels[3].verdict == LevelVerdict::kNotWorse);
  CHECK(study.levels[4].verdict == LevelVerdict::kWorse);
  CHECK(study.smallest_not_worse == 3U);
}

TEST_CASE("a cliff is a sure drop of more than the margin between neighbours") {
  const QuantStudy study = StudyLevels(
      std::vector{Level("F16", 200, AnswersOf(400, 240)), Level("Q8_0", 100, AnswersOf(400, 240, 2, 1)),
                  Level("Q4_K_M", 60, AnswersOf(400, 240, 10, 6)), Level("Q3_K_M", 50, AnswersOf(400, 240, 80, 6)),
                  Level("Q2_K", 40, AnswersOf(400, 240, 85, 6))});
  REQUIRE(study.cliffs.size() == 1);
  CHECK(study.levels[study.cliffs[0].larger].name == "Q4_K_M");
  CHECK(study.levels[study.cliffs[0].smaller].name == "Q3_K_M");
  CHECK(study.cliffs[0].difference.value == doctest::Approx(-70.0 / 400));
  CHECK(study.cliffs[0].task.empty());
  // With a margin that allows it, it is none.
  const QuantStudy wide =
      StudyLevels(std::vector{Level("F16", 200, AnswersOf(400, 240)), Level("Q3_K_M", 50, AnswersOf(400, 240, 80, 6))},
                  {.margin = 0.18});
  CHECK(wide.cliffs.empty());
}

TEST_CASE("a cliff within one task is found where all tasks together hide it") {
  QuantLevel reference{.name = "F16", .file = Bytes{200}};
  QuantLevel level{.name = "Q4_0", .file = Bytes{50}};
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    const bool falls = name[0] == 'c';
    reference.tasks.push_back({name, AnswersOf(300, 200)});
    level.tasks.push_back({name, AnswersOf(300, 200, falls ? 40 : 2, falls ? 0 : 3)});
  }
  const QuantStudy study = StudyLevels(std::vector{reference, level});
  REQUIRE(study.cliffs.size() == 1);
  CHECK(study.cliffs[0].task == "c");
  CHECK(study.levels[1].tasks[2].right_to_wrong == 40);
  CHECK(*study.levels[1].tasks[2].retention == doctest::Approx(0.8));
  CHECK(study.levels[1].all.difference.value == doctest::Approx((-40.0 + 7) / 2400));
}

TEST_CASE("tasks weigh the same, however many items they have") {
  const QuantLevel reference{"F16", Bytes{200}, {{"few", AnswersOf(10, 10)}, {"many", AnswersOf(1000, 500)}}};
  const QuantLevel level{"Q8_0", Bytes{100}, {{"few", AnswersOf(10, 10, 5)}, {"many", AnswersOf(1000, 500)}}};
  const QuantStudy study = StudyLevels(std::vector{reference, level});
  CHECK(study.levels[1].all.difference.value == doctest::Approx(-0.25));
  CHECK(*study.levels[1].all.retention == doctest::Approx(0.5 / 0.75));
}

TEST_CASE("a smaller level that is surely better is an inversion, one that may be is not") {
  const QuantStudy study = StudyLevels(
      std::vector{Level("F16", 200, AnswersOf(400, 240)), Level("Q3_K_M", 50, AnswersOf(400, 240, 80, 6)),
                  Level("Q2_K", 40, AnswersOf(400, 240, 20, 6)), Level("TQ1_0", 30, AnswersOf(400, 240, 18, 6))});
  REQUIRE(study.inversions.size() == 2);
  CHECK(study.levels[study.inversions[0].larger].name == "Q3_K_M");
  CHECK(study.levels[study.inversions[0].smaller].name == "Q2_K");
  CHECK(study.levels[study.inversions[1].smaller].name == "TQ1_0");
  CHECK(study.inversions[0].difference.value == doctest::Approx(60.0 / 400));
  // Files of one size are not larger and smaller.
  CHECK(StudyLevels(std::vector{Level("F16", 50, AnswersOf(400, 100)), Level("Q8_0", 50, AnswersOf(400, 240))})
            .inversions.empty());
}

TEST_CASE("levels that differ by chance alone are rarely called cliffs, inversions or losses") {
  Random random(11);
  int cliffs = 0, inversions = 0, worse = 0, not_worse_wrongly = 0;
  constexpr int kStudies = 200;
  for (int study = 0; study < kStudies; ++study) {
    // Every level answers each item as it happens: the same chance everywhere, but for the last, which truly loses the
    // margin of 10 points.
    std::vector<QuantLevel> levels;
    for (const char* name : {"F16", "Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M"}) {
      QuantLevel level{name, Bytes{1000 - 100 * levels.size()}, {{"task", {}}}};
      const double chance = levels.size() == 4 ? 0.5 : 0.6;
      for (int i = 0; i < 300; ++i) level.tasks[0].right.push_back(random.Uniform() < chance ? 1 : 0);
      levels.push_back(std::move(level));
    }
    const QuantStudy result = StudyLevels(levels, {.margin = 0.1});
    cliffs += result.cliffs.empty() ? 0 : 1;
    inversions += result.inversions.empty() ? 0 : 1;
    worse += result.levels[4].verdict == LevelVerdict::kWorse ? 1 : 0;
    not_worse_wrongly += result.levels[4].verdict == LevelVerdict::kNotWorse ? 1 : 0;
  }
  CHECK(cliffs <= 0.06 * kStudies);
  CHECK(inversions <= 0.08 * kStudies);
  CHECK(worse <= 0.06 * kStudies);
  CHECK(not_worse_wrongly <= 0.08 * kStudies);
}

TEST_CASE("two models that change places at a level are a rank flip, sure or not") {
  const ModelLevels a = {"a",
                         {Level("F16", 200, AnswersOf(400, 280)), Level("Q8_0", 100, AnswersOf(400, 280)),
                          Level("Q4_0", 50, AnswersOf(400, 280, 120))}};
  const ModelLevels b = {"b",
                         {Level("F16", 200, AnswersOf(400, 220)), Level("Q8_0", 100, AnswersOf(400, 220)),
                          Level("Q4_0", 50, AnswersOf(400, 218))}};
  for (const auto& models : {std::vector{a, b}, std::vector{b, a}}) {
    const std::vector<RankFlip> flips = FindRankFlips(models);
    REQUIRE(flips.size() == 1);
    CHECK(flips[0].better == "a");
    CHECK(flips[0].worse == "b");
    CHECK(flips[0].level == "Q4_0");
    CHECK(flips[0].at_reference.value == doctest::Approx(60.0 / 400));
    CHECK(flips[0].at_level.value == doctest::Approx(-58.0 / 400));
    CHECK(flips[0].sure);
  }
  const ModelLevels c = {"c", {Level("F16", 200, AnswersOf(400, 221)), Level("Q4_0", 50, AnswersOf(400, 215))}};
  const std::vector<RankFlip> close = FindRankFlips(std::vector{b, c});
  REQUIRE(close.size() == 1);
  CHECK(close[0].better == "c");
  CHECK(!close[0].sure);
  CHECK(FindRankFlips(std::vector{a}).empty());
}

TEST_CASE("runs are paired on the items that all of them answered, by name") {
  RunScore first;
  first.ids = {"a", "b", "c", "d"};
  first.right = {1, 0, 1, 1};
  RunScore second;
  second.ids = {"d", "c", "a"};
  second.right = {0, 1, 1};
  const auto shared = OnSharedItems(std::vector{first, second});
  CHECK(shared == std::vector<std::vector<uint8_t>>{{1, 1, 1}, {1, 1, 0}});
  CHECK(OnSharedItems({}).empty());
}

TEST_CASE("any outcomes: shares, flips and verdicts agree with each other") {
  rc::check([] {
    const auto n = *rc::gen::inRange<size_t>(1, 60);
    std::vector<QuantLevel> levels;
    for (const char* name : {"F16", "Q8_0", "Q4_0"}) {
      QuantLevel level{name, Bytes{*rc::gen::inRange<uint64_t>(1, 5)}, {}};
      for (const char* task : {"x", "y"}) {
        level.tasks.push_back({task, *rc::gen::container<std::vector<uint8_t>>(n, rc::gen::inRange<uint8_t>(0, 2))});
      }
      levels.push_back(std::move(level));
    }
    const QuantStudy study = StudyLevels(levels);
    for (const LevelResult& level : study.levels) {
      const LevelComparison& all = level.all;
      RC_ASSERT(std::abs(all.score.value - study.levels[0].all.score.value - all.difference.value) < 1e-9);
      RC_ASSERT(all.difference.interval.Contains(all.difference.value));
      RC_ASSERT(all.right_to_wrong == level.tasks[0].right_to_wrong + level.tasks[1].right_to_wrong);
      RC_ASSERT(level.verdict != LevelVerdict::kNotWorse || level.p_not_worse <= 0.05);
    }
    for (const LevelStep& step : study.cliffs) {
      RC_ASSERT(step.smaller == step.larger + 1);
      RC_ASSERT(step.difference.value < -0.02);
    }
  });
}

}  // namespace
}  // namespace loco
