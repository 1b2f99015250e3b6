#include "score/classify.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "score/shared_data.h"

namespace loco {
namespace {

LabelSet LabelsOf(const std::vector<std::string>& names) {
  std::vector<Label> labels;
  for (const std::string& name : names) labels.push_back({.name = name, .abstains = name == "oos"});
  return LabelSet(std::move(labels));
}

// What a set reads, as a text that a failed check can show.
std::string Reading(const LabelSet& labels, std::string_view answer) {
  const LabelReading reading = labels.Read(answer);
  std::string text;
  switch (reading.kind) {
    case LabelReadingKind::kExact:
      text = "exact";
      break;
    case LabelReadingKind::kNamed:
      text = "named";
      break;
    case LabelReadingKind::kSeveral:
      text = "several";
      break;
    case LabelReadingKind::kNone:
      text = "none";
      break;
  }
  for (const size_t label : reading.named) text += " " + labels.name(label);
  return text;
}

Confusion ConfusionOf(const std::vector<size_t>& truth, const std::vector<size_t>& read, size_t labels) {
  Confusion confusion(labels);
  for (size_t i = 0; i < truth.size(); ++i) confusion.Add(truth[i], read[i]);
  return confusion;
}

std::string Spaced(std::string label) {
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

// Every label must be read back out of sentences that name it, and out of its own bare name. Returns how many were.
size_t CheckReadBack(const std::vector<std::string>& names) {
  const LabelSet labels = LabelsOf(names);
  size_t read = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK(Reading(labels, " " + names[i] + "\n") == "exact " + names[i]);
    for (const std::string& name : {names[i], Spaced(names[i])}) {
      for (const char* sentence :
           {"The intent is: {}.", "Intent: {}", "**{}**", "`{}`", "I believe this is \"{}\", {} it is.\n",
            "{{\"intent\": \"{}\"}}", "The customer's message fits the category {} best.\nCategory: {}"}) {
        const std::string answer = fmt::format(fmt::runtime(sentence), name, name);
        CAPTURE(answer);
        const LabelReading reading = labels.Read(answer);
        CHECK(reading.label == i);
        read += reading.label == i ? 1 : 0;
      }
    }
  }
  return read;
}

TEST_CASE("an answer that is a label is read as it, and so is a sentence that names one alone") {
  const LabelSet labels = LabelsOf({"card_arrival", "refund", "C++", "C", "oos"});
  CHECK(Reading(labels, "card_arrival") == "exact card_arrival");
  CHECK(Reading(labels, "Card-Arrival!") == "named card_arrival");
  CHECK(Reading(labels, "It is about card  arrival. Card arrival, I say.") == "named card_arrival");
  CHECK(Reading(labels, "refund or card arrival?") == "several refund card_arrival");
  CHECK(Reading(labels, "no idea") == "none");
  CHECK(Reading(labels, "") == "none");
  CHECK(Reading(labels, "written in C++, of course") == "named C++");
  CHECK(Reading(labels, "written in C, of course") == "named C");
}

TEST_CASE("a part of a longer word, compound or label names nothing") {
  const LabelSet labels = LabelsOf({"date", "no", "exchange_rate", "wrong_exchange_rate", "user_name", "top_up"});
  CHECK(Reading(labels, "update") == "none");
  CHECK(Reading(labels, "calendar_date") == "none");
  CHECK(Reading(labels, "date-time") == "none");
  CHECK(Reading(labels, "no's") == "none");
  CHECK(Reading(labels, "user_names") == "none");
  CHECK(Reading(labels, "change_user_name") == "none");
  CHECK(Reading(labels, "wrong_exchange_rate") == "exact wrong_exchange_rate");
  CHECK(Reading(labels, "a wrong exchange rate") == "named wrong_exchange_rate");
  CHECK(Reading(labels, "wrong_exchange_rate, not exchange_rate") == "several wrong_exchange_rate exchange_rate");
  CHECK(Reading(labels, "Go to the top. Up there") == "none");
  CHECK(Reading(labels, "top\nup") == "none");
  CHECK(Reading(labels, "- top-up") == "named top_up");
}

TEST_CASE("labels that overlap without containing each other are both named") {
  const LabelSet labels = LabelsOf({"card lost", "lost phone"});
  CHECK(Reading(labels, "card lost phone") == "several card lost lost phone");
}

TEST_CASE("signs that make a label another one are kept") {
  const LabelSet labels = LabelsOf({"-1", "1", "+1", "a", "a+"});
  CHECK(Reading(labels, "score: -1") == "named -1");
  CHECK(Reading(labels, "score: 1.") == "named 1");
  CHECK(Reading(labels, "(+1)") == "named +1");
  CHECK(Reading(labels, "grade A+") == "named a+");
}

TEST_CASE("other spellings and other scripts name a label too") {
  const LabelSet labels({{.name = "oos", .also = {"out of scope", "none of these"}, .abstains = true},
                         {.name = "größe"},
                         {.name = "天気"}});
  CHECK(labels.Read("This is Out-of-Scope.").label == 0);
  CHECK(labels.Read("none of these").label == 0);
  CHECK(labels.Read("none of the labels").label == std::nullopt);
  CHECK(labels.Read("GRÖSSE!").label == 1);
  CHECK(labels.Read("Größer").label == std::nullopt);
  CHECK(labels.Read("「天気」").label == 2);
  CHECK(labels.Abstentions() == std::vector<size_t>{0});
}

TEST_CASE("labels that no answer could tell apart are refused") {
  CHECK_THROWS_AS(LabelsOf({"card arrival", "Card_Arrival"}), Error);
  CHECK_THROWS_AS(LabelsOf({"a", "?"}), Error);
  CHECK_THROWS_AS(LabelsOf({""}), Error);
  CHECK_THROWS_AS(LabelSet({{.name = "a", .also = {"b"}}, {.name = "b"}}), Error);
  CHECK(LabelSet({{.name = "a", .also = {"A", "a"}}}).size() == 1);
}

TEST_CASE("a text that names one label among words of no label is read as that label") {
  const std::vector<std::string> names{"alpha", "beta", "beta_gamma", "gamma_delta"};
  const LabelSet labels = LabelsOf(names);
  CHECK(rc::check("one label", [&] {
    const auto filler = rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("the", "intent", "\xff", "is:", "gammas", "delta", "_", "alphabet"));
    const size_t label = *rc::gen::inRange<size_t>(0, names.size());
    std::string answer;
    for (const auto& word : *filler) answer += word + "; ";
    answer += names[label];
    for (const auto& word : *filler) answer += ". " + word;
    RC_ASSERT(labels.Read(answer).label == label);
    RC_ASSERT(labels.Read(answer + "; " + names[(label + 1) % names.size()]).kind == LabelReadingKind::kSeveral);
  }));
}

TEST_CASE("macro-F1, precision and recall are scikit-learn's, by hand") {
  // The example of its manual: 3 labels with F1 4/5, 0 and 0; precision 2/3, 0, 0; recall 1, 0, 0.
  const ClassScores scores = ComputeClassScores(ConfusionOf({0, 1, 2, 0, 1, 2}, {0, 2, 1, 0, 0, 1}, 3));
  CHECK(scores.items == 6);
  CHECK(scores.accuracy == doctest::Approx(2.0 / 6));
  CHECK(*scores.labels[0].precision == doctest::Approx(2.0 / 3));
  CHECK(*scores.labels[0].recall == 1);
  CHECK(*scores.labels[0].f1 == doctest::Approx(0.8));
  CHECK(*scores.labels[1].f1 == 0);
  CHECK(scores.macro_f1 == doctest::Approx(0.8 / 3));
  // And of its classification report: F1 2/3, 0 and 4/5.
  const ClassScores report = ComputeClassScores(ConfusionOf({0, 1, 2, 2, 2}, {0, 0, 2, 2, 1}, 3));
  CHECK(report.macro_f1 == doctest::Approx((2.0 / 3 + 0 + 0.8) / 3));
  CHECK(report.accuracy == doctest::Approx(0.6));
  CHECK(*report.labels[2].recall == doctest::Approx(2.0 / 3));
}

TEST_CASE("a label that never occurs counts in macro-F1 as the setting says") {
  // Label 2 is only read, label 3 is nothing: F1 of 0 and 1 are 1 and 2·1 / (2·1 + 0 + 1) = 2/3.
  const Confusion confusion = ConfusionOf({0, 1, 1}, {0, 1, 2}, 4);
  const auto macro = [&](MacroOver over) { return ComputeClassScores(confusion, {.macro_over = over}); };
  CHECK(macro(MacroOver::kTrue).macro_f1 == doctest::Approx((1 + 2.0 / 3) / 2));
  CHECK(macro(MacroOver::kSeen).macro_f1 == doctest::Approx((1 + 2.0 / 3) / 3));
  CHECK(macro(MacroOver::kAll).macro_f1 == doctest::Approx((1 + 2.0 / 3) / 4));
  CHECK(macro(MacroOver::kTrue).macro_labels == 2);
  CHECK(macro(MacroOver::kSeen).macro_labels == 3);
  const ClassScores scores = macro(MacroOver::kAll);
  CHECK(!scores.labels[3].f1);
  CHECK(!scores.labels[2].recall);
  CHECK(*scores.labels[2].precision == 0);
  CHECK(*scores.labels[2].f1 == 0);
}

TEST_CASE("an unread answer is a miss of its label and a hit of none") {
  Confusion confusion(2);
  confusion.Add(0, 0, 3);
  confusion.Add(0, std::nullopt, 1);
  confusion.Add(1, 1, 4);
  const ClassScores scores = ComputeClassScores(confusion);
  CHECK(scores.items == 8);
  CHECK(scores.accuracy == 7.0 / 8);
  CHECK(*scores.labels[0].recall == 0.75);
  CHECK(*scores.labels[0].precision == 1);
  CHECK(*scores.labels[0].f1 == doctest::Approx(6.0 / 7));
  CHECK(scores.unread_rate == 1.0 / 8);
  CHECK(confusion.Unread(0) == 1);
  CHECK(confusion.Count(0, 1) == 0);
}

TEST_CASE("abstentions and items out of scope are counted apart") {
  // Labels: 0 and 1 are intents, 2 is out of scope, 3 says "unknown".
  Confusion confusion(4);
  confusion.Add(0, 0, 6);
  confusion.Add(0, 2, 2);
  confusion.Add(1, 3, 2);
  confusion.Add(2, 2, 6);
  confusion.Add(2, 1, 3);
  confusion.Add(2, std::nullopt, 1);
  const ClassScores scores = ComputeClassScores(confusion, {.abstentions = {2, 3}, .out_of_scope = 2});
  CHECK(scores.abstention_rate == doctest::Approx(10.0 / 20));
  REQUIRE(scores.scope);
  CHECK(scores.scope->in_scope == 10);
  CHECK(*scores.scope->in_scope_accuracy == doctest::Approx(0.6));
  CHECK(*scores.scope->out_of_scope_recall == doctest::Approx(0.6));
  CHECK(*scores.scope->out_of_scope_precision == doctest::Approx(6.0 / 8));
  CHECK(!ComputeClassScores(confusion).scope);
  CHECK(ComputeClassScores(Confusion(3)).macro_f1 == 0);
}

TEST_CASE("scores do not depend on the order of labels, and F1 lies between precision and recall") {
  CHECK(rc::check("confusions", [] {
    const size_t labels = *rc::gen::inRange<size_t>(1, 6);
    const auto counts = *rc::gen::container<std::vector<int>>(labels * (labels + 1), rc::gen::inRange(0, 5));
    Confusion confusion(labels);
    Confusion mirrored(labels);
    for (size_t truth = 0; truth < labels; ++truth) {
      for (size_t read = 0; read <= labels; ++read) {
        const int times = counts[truth * (labels + 1) + read];
        const bool unread = read == labels;
        confusion.Add(truth, unread ? std::nullopt : std::optional(read), times);
        mirrored.Add(labels - 1 - truth, unread ? std::nullopt : std::optional(labels - 1 - read), times);
      }
    }
    const ClassScores scores = ComputeClassScores(confusion);
    const ClassScores other = ComputeClassScores(mirrored);
    RC_ASSERT(scores.accuracy == other.accuracy);
    RC_ASSERT(std::abs(scores.macro_f1 - other.macro_f1) < 1e-12);
    int64_t items = 0;
    for (const LabelScore& label : scores.labels) {
      items += label.items;
      if (!label.precision || !label.recall) continue;
      RC_ASSERT(*label.f1 >= std::min(*label.precision, *label.recall) - 1e-12);
      RC_ASSERT(*label.f1 <= std::max(*label.precision, *label.recall) + 1e-12);
    }
    RC_ASSERT(items == scores.items);
  }));
}

TEST_CASE("megabytes of hostile text are read") {
  const LabelSet labels = LabelsOf({"a", "a_a_a_a_b", "x"});
  std::string compounds;
  std::string words;
  for (int i = 0; i < 500'000; ++i) compounds += "a_";
  for (int i = 0; i < 500'000; ++i) words += "a ";
  CHECK(Reading(labels, compounds) == "none");
  CHECK(Reading(labels, words) == "named a");
  CHECK(Reading(labels, std::string(3'000'000, '\xff') + " x") == "named x");
  CHECK(Reading(labels, std::string(3'000'000, '\0')) == "none");
}

TEST_CASE("every label of BANKING77 is read back out of sentences that name it") {
  const auto folder = SharedData("banking77");
  if (!folder) return;
  const auto names = nlohmann::json::parse(ReadFile(*folder / "categories.json")).get<std::vector<std::string>>();
  CHECK(names.size() == 77);
  const size_t read = CheckReadBack(names);
  MESSAGE(read << " sentences with " << names.size() << " labels read");
  CHECK(read == names.size() * 14);
}

TEST_CASE("every label of CLINC150 is read back, out of scope too, and reading all right scores 1") {
  const auto folder = SharedData("clinc150");
  if (!folder) return;
  const auto data = nlohmann::json::parse(ReadFile(*folder / "data_train_val.json"));
  std::set<std::string> found;
  for (const char* part : {"train", "val", "oos_train", "oos_val"}) {
    for (const auto& row : data[part]) found.insert(row[1].get<std::string>());
  }
  const std::vector<std::string> names(found.begin(), found.end());
  CHECK(names.size() == 151);
  const size_t read = CheckReadBack(names);
  MESSAGE(read << " sentences with " << names.size() << " labels read");
  CHECK(read == names.size() * 14);

  // A model that names the true label for every validation item in scope, and abstains elsewhere.
  const LabelSet labels = LabelsOf(names);
  Confusion confusion(labels.size());
  for (const char* part : {"val", "oos_val"}) {
    for (const auto& row : data[part]) {
      const auto truth = row[1].get<std::string>();
      confusion.Add(*labels.Find(truth), labels.Read("The intent is: " + truth + ".").label);
    }
  }
  const ClassScores scores =
      ComputeClassScores(confusion, {.abstentions = labels.Abstentions(), .out_of_scope = labels.Find("oos")});
  CHECK(scores.items == 3100);
  CHECK(scores.macro_f1 == 1);
  CHECK(scores.scope->in_scope == 3000);
  CHECK(*scores.scope->out_of_scope_recall == 1);
  CHECK(scores.abstention_rate == doctest::Approx(100.0 / 3100));
}

}  // namespace
}  // namespace loco
