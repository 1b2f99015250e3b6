#include "score/qa_match.h"

#include <rapidcheck.h>

#include <cmath>

#include "score/shared_data.h"

namespace loco {
namespace {

TEST_CASE("case, punctuation, articles and blanks do not count in an extracted answer") {
  CHECK(NormalizeQaAnswer("  The U.S. \n Army ") == "us army");
  CHECK(NormalizeQaAnswer("a-b") == "ab");  // signs go before words are looked at
  CHECK(NormalizeQaAnswer("a–b") == "–b");  // a dash that is not ASCII parts words and stays
  CHECK(NormalizeQaAnswer("Ans then") == "ans then");
  CHECK(NormalizeQaAnswer("A\u00a0B\x1f"
                          "c") == "b c");
  CHECK(NormalizeQaAnswer("$5 <the> 5^2~") == "5 52");
  CHECK(NormalizeQaAnswer("the a, an!").empty());
  CHECK(NormalizeQaAnswer("\xff\xfe").find('\xff') == std::string::npos);
}

TEST_CASE("token F1 is that of the best reference, by hand") {
  // "b c d" and "b c": 2 common, precision 2/3, recall 1, F1 4/5; against "b": precision 1/3, recall 1, F1 1/2.
  const QaScore score = ScoreQa({"b", "b c"}, "b c d");
  CHECK(!score.exact);
  CHECK(score.f1 == doctest::Approx(0.8).epsilon(1e-12));
  // A token counts as often as it stands in both: 1 common of 3 and 2.
  CHECK(ScoreQa({"x y"}, "x x x").f1 == doctest::Approx(2.0 * (1.0 / 3) * (1.0 / 2) / (1.0 / 3 + 1.0 / 2)));
  // All tokens in another order are F1 1 and no exact match.
  CHECK(ScoreQa({"x y"}, "y x").f1 == 1);
  CHECK(!ScoreQa({"x y"}, "y x").exact);
}

TEST_CASE("a question without an answer is right when nothing is answered, and only then") {
  for (const std::vector<std::string>& references : {std::vector<std::string>{}, {""}, {"The", "!"}}) {
    CHECK(ScoreQa(references, "").exact);
    CHECK(ScoreQa(references, "").f1 == 1);
    CHECK(ScoreQa(references, " The. ").exact);
    CHECK(!ScoreQa(references, "France").exact);
    CHECK(ScoreQa(references, "France").f1 == 0);
    CHECK(!ScoreQa(references, "France").answerable);
  }
  CHECK(ScoreQa({"France"}, "").f1 == 0);
  CHECK(!ScoreQa({"France"}, "").answered);
}

TEST_CASE("words that say there is no answer count as none, unless they are the answer") {
  const QaSettings settings{.no_answer = {"unanswerable", "No answer."}};
  CHECK(ScoreQa({}, "Unanswerable.", settings).exact);
  CHECK(ScoreQa({}, "no answer", settings).f1 == 1);
  CHECK(!ScoreQa({}, "unanswerable").exact);
  CHECK(ScoreQa({"no answer to that letter"}, "no answer", settings).f1 == 0);
  const QaScore score = ScoreQa({"no answer"}, "No answer", settings);
  CHECK(score.exact);
  CHECK(score.answered);
}

TEST_CASE("the summary keeps answerable and unanswerable questions apart") {
  const std::vector<QaScore> scores{ScoreQa({"a b"}, "b"), ScoreQa({"b c"}, "b"), ScoreQa({}, ""), ScoreQa({}, "x")};
  const QaSummary summary = SummarizeQa(scores);
  CHECK(summary.all.items == 4);
  CHECK(summary.answerable.exact == 0.5);
  CHECK(summary.answerable.f1 == doctest::Approx((1 + 2.0 / 3) / 2));
  CHECK(summary.unanswerable.items == 2);
  CHECK(summary.unanswerable.exact == 0.5);
  CHECK(summary.all.exact == 0.5);
  CHECK(SummarizeQa({}).all.f1 == 0);
}

TEST_CASE("scores lie between 0 and 1, a reference itself is exact, and normalising twice changes nothing") {
  CHECK(rc::check("answers", [](const std::string& reference, const std::string& prediction) {
    const QaScore score = ScoreQa({reference}, prediction);
    RC_ASSERT(score.f1 >= 0.0);
    RC_ASSERT(score.f1 <= 1.0);
    RC_ASSERT(!score.exact || score.f1 == 1.0);
    RC_ASSERT(ScoreQa({prediction}, reference).f1 == score.f1);
    RC_ASSERT(ScoreQa({prediction}, prediction).exact);
    RC_ASSERT(ScoreQa({reference, prediction}, prediction).f1 >= score.f1);
    const std::string once = NormalizeQaAnswer(reference);
    RC_ASSERT(NormalizeQaAnswer(once) == once);
  }));
}

TEST_CASE("megabytes of hostile text are scored") {
  std::string long_text;
  for (int i = 0; i < 400'000; ++i) long_text += (i % 3 == 0) ? "the\xff " : "a \xcc\x81";
  CHECK(ScoreQa({long_text}, long_text).exact);
  CHECK(ScoreQa({long_text}, long_text + " x").f1 > 0.99);
  CHECK(ScoreQa({std::string(2'000'000, 'a')}, std::string(2'000'000, '\0')).f1 == 0);
}

TEST_CASE("the official script's normalisation, exact match and F1 are ours, row by row") {
  const auto folder = SharedData("squad2");
  if (!folder) return;
  size_t texts = 0;
  for (const auto& row : ReadRows(*folder / "expected_normalisation.jsonl")) {
    const auto text = row["text"].get<std::string>();
    CAPTURE(text);
    CHECK(NormalizeQaAnswer(text) == row["normalized"].get<std::string>());
    ++texts;
  }
  size_t pairs = 0;
  for (const auto& row : ReadRows(*folder / "expected_em_f1.jsonl")) {
    const auto prediction = row["prediction"].get<std::string>();
    CAPTURE(prediction);
    const QaScore score = ScoreQa(row["gold"].get<std::vector<std::string>>(), prediction);
    CHECK(score.exact == (row["em"].get<int>() == 1));
    CHECK(std::abs(score.f1 - row["f1"].get<double>()) <= 1e-9);
    ++pairs;
  }
  MESSAGE(texts << " normalisations and " << pairs << " scores compared");
  CHECK(texts == 3000);
  CHECK(pairs == 1186);
}

TEST_CASE("saying nothing earns exactly the share of questions without an answer") {
  const auto folder = SharedData("squad2");
  if (!folder) return;
  const auto articles = nlohmann::json::parse(ReadFile(*folder / "dev-8-articles.json"));
  std::vector<QaScore> silent;
  int64_t impossible = 0;
  for (const auto& article : articles["data"]) {
    for (const auto& paragraph : article["paragraphs"]) {
      for (const auto& question : paragraph["qas"]) {
        std::vector<std::string> references;
        for (const auto& answer : question["answers"]) references.push_back(answer["text"]);
        silent.push_back(ScoreQa(references, ""));
        impossible += question["is_impossible"].get<bool>() ? 1 : 0;
        CHECK(silent.back().answerable != question["is_impossible"].get<bool>());
      }
    }
  }
  const QaSummary summary = SummarizeQa(silent);
  MESSAGE(summary.all.items << " questions, " << impossible << " without an answer");
  CHECK(impossible > 0);
  CHECK(summary.unanswerable.items == impossible);
  CHECK(summary.unanswerable.f1 == 1);
  CHECK(summary.answerable.f1 == 0);
}

}  // namespace
}  // namespace loco
