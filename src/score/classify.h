// Classification by a model that writes: which label its answer names, and what the labels read are worth.
//
//   const LabelSet labels({{.name = "card_arrival"}, {.name = "oos", .also = {"out of scope"}, .abstains = true}});
//   const LabelReading reading = labels.Read("The intent is: card arrival.");     // kNamed, label 0
//   Confusion confusion(labels.size());
//   confusion.Add(*labels.Find("card_arrival"), reading.label);
//   const ClassScores scores = ComputeClassScores(confusion, {.abstentions = labels.Abstentions()});
//
// Reading. A label is named where its words stand one after the other, in any case, with blanks, _ or - between them,
// and are not part of a longer compound ("my_card_arrival", "card-arrivals" name nothing). A label inside a longer one
// that stands there too is not named: "exchange rate" in "card_payment_wrong_exchange_rate". An answer that names two
// labels is not read: which one it means ("not x but y", "x or y") is not for us to guess.
//
// Scores. Definitions of precision, recall, F1 and macro-F1 as in scikit-learn 1.x (precision_recall_fscore_support):
// F1 = 2·TP / (2·TP + FP + FN), macro-F1 the plain mean over labels. An unread answer is a miss of its true label and
// no label of its own. In scope and out of scope as in Larson et al., "An Evaluation Dataset for Intent Classification
// and Out-of-Scope Prediction" (CLINC150, 2019): accuracy over items that have an intent, recall over those without.
//
// It does not stem or correct spelling, knows no negation, and has no notion of labels near each other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loco {

struct Label {
  std::string name;
  std::vector<std::string> also = {};  // other spellings that name it
  bool abstains = false;               // declines to choose: "unknown", "none of these", out of scope
};

enum class LabelReadingKind {
  kExact,    // the answer is the label's name and nothing else
  kNamed,    // one label is named, as often as it may be
  kSeveral,  // several labels are named: unparsed
  kNone,     // no label is named: unparsed
};

struct LabelReading {
  LabelReadingKind kind = LabelReadingKind::kNone;
  std::optional<size_t> label;  // with kExact and kNamed
  std::vector<size_t> named;    // every label named, by first place
};

class LabelSet {
 public:
  // Throws Error when a label has no letter or digit, or when two labels cannot be told apart in an answer.
  explicit LabelSet(std::vector<Label> labels);

  size_t size() const { return labels_.size(); }
  const std::string& name(size_t label) const { return labels_[label].name; }
  std::vector<size_t> Abstentions() const;
  // The label with this very name.
  std::optional<size_t> Find(std::string_view name) const;
  // Takes time linear in the answer, times the words of the longest label at worst.
  LabelReading Read(std::string_view answer) const;

 private:
  struct Word;
  static std::vector<Word> SplitWords(std::string_view text);
  void AddSpelling(size_t label, const std::string& spelling);
  size_t LongestAt(const std::vector<Word>& words, size_t begin, size_t* label) const;

  std::vector<Label> labels_;
  std::map<std::string, size_t, std::less<>> by_name_;
  // The spellings as a tree: from a node, by the next word, to a node. Node 0 is the root.
  std::map<std::string, size_t, std::less<>> words_;
  std::map<std::pair<size_t, size_t>, size_t> next_;
  std::vector<std::optional<size_t>> ends_;  // the label whose words lead to the node
};

// How often a true label was read as another, or as none.
class Confusion {
 public:
  explicit Confusion(size_t labels) : unread_(labels, 0) {}

  void Add(size_t truth, std::optional<size_t> read, int64_t times = 1);

  size_t labels() const { return unread_.size(); }
  int64_t Count(size_t truth, size_t read) const;
  int64_t Unread(size_t truth) const { return unread_[truth]; }
  // Every pair that was counted, by true label and then by label read.
  const std::map<std::pair<size_t, size_t>, int64_t>& counts() const { return counts_; }

 private:
  std::map<std::pair<size_t, size_t>, int64_t> counts_;
  std::vector<int64_t> unread_;
};

// Which labels macro-F1 is the mean of.
enum class MacroOver {
  kTrue,  // labels of at least one item: the same labels for every model that is compared
  kSeen,  // also those that were read but are no item's (their F1 is 0): scikit-learn's default
  kAll,   // every label; one that never occurs has F1 0: scikit-learn with labels= all and zero_division=0
};

struct ClassSettings {
  MacroOver macro_over = MacroOver::kTrue;
  std::vector<size_t> abstentions = {};     // labels that decline to choose
  std::optional<size_t> out_of_scope = {};  // the true label of items that have none of the others
};

struct LabelScore {
  int64_t items = 0;  // with this true label ("support")
  int64_t read = 0;   // answers that named it
  int64_t right = 0;
  std::optional<double> precision;  // none when no answer named it
  std::optional<double> recall;     // none when it is no item's
  std::optional<double> f1;         // none when neither
};

struct ScopeScores {
  int64_t in_scope = 0;
  int64_t out_of_scope = 0;
  std::optional<double> in_scope_accuracy;       // none without such items
  std::optional<double> out_of_scope_recall;     // none without such items
  std::optional<double> out_of_scope_precision;  // none when no answer said so
};

struct ClassScores {
  int64_t items = 0;
  double accuracy = 0;         // this and the rates are 0 without items
  double macro_f1 = 0;         // 0 when it is the mean of no label
  size_t macro_labels = 0;     // of how many it is
  double abstention_rate = 0;  // answers that named a label that abstains
  double unread_rate = 0;
  std::vector<LabelScore> labels;
  std::optional<ScopeScores> scope;  // with `out_of_scope` alone
};

ClassScores ComputeClassScores(const Confusion& confusion, const ClassSettings& settings = {});

}  // namespace loco
