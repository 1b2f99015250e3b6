// The store: one SQLite file (WAL, STRICT tables) that holds every row the program ever rests a number on.
//
//   Store store = Store::Open(path, clock);
//   RowId run = store.AddRun(row);               // the id of the row with this key, added when it is new
//   store.AddAnswer(answer, mark);               // one transaction an item: a kill loses at most the item in work
//   for (const MarkedAnswer& a : store.Answers(run, "numeric/1")) …
//
// Rows are append-only. Adding a row whose key is stored already returns the stored row's id and changes nothing, so
// two processes may work on one store. Every failure (full disk, read-only file, newer version, not a store) is an
// Error with its cure.
//
// It does not know what rows mean: no scores, no statistics, no rendering.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "store/rows.h"

namespace loco {

class Store {
 public:
  // Opens or creates the store at `path` ("…/loco.db") and brings an older one to this version. Parent folders are
  // created. `:memory:` makes one that lives as long as the object.
  static Store Open(const Path& path, const Clock& clock);
  // Opens an existing store for reading; never creates or changes anything.
  static Store OpenReadOnly(const Path& path, const Clock& clock);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  const Path& path() const;

  // Each returns the id; `created_at` is filled by the store.
  RowId AddModel(const ModelRow& row);
  RowId AddMachine(const MachineRow& row);
  RowId AddTask(const TaskRow& row);
  RowId AddRun(const RunRow& row);
  RowId AddAdapter(const AdapterRow& row);
  RowId AddMeasurement(const MeasurementRow& row);
  RowId AddFit(const FitRow& row);
  RowId AddEvidence(const EvidenceRow& row);
  RowId AddVerdict(const VerdictRow& row);
  // Adds the decision and the list of rows it rests on in one transaction.
  RowId AddDecision(const DecisionRow& row, const std::vector<RowRef>& rests_on);

  // Adds an answer and its mark in one transaction; none where it could not be marked. False when the item was answered
  // before (nothing is changed).
  bool AddAnswer(const AnswerRow& answer, const std::optional<MarkRow>& mark);
  // Adds a mark to a stored answer (re-marking under a new scorer version).
  void AddMark(const MarkRow& mark);

  std::optional<ModelRow> FindModel(RowId id) const;
  std::optional<ModelRow> FindModelByHash(const std::string& hash) const;
  std::optional<MachineRow> FindMachine(RowId id) const;
  std::optional<TaskRow> FindTask(RowId id) const;
  std::optional<RunRow> FindRun(RowId id) const;
  std::optional<AdapterRow> FindAdapter(RowId id) const;
  std::optional<AdapterRow> FindAdapterByKey(const std::string& key) const;
  std::optional<AdapterRow> FindAdapterByHash(const std::string& hash) const;
  std::optional<AnswerRow> FindAnswer(RowId id) const;
  std::optional<MeasurementRow> FindMeasurement(RowId id) const;
  std::optional<FitRow> FindFit(RowId id) const;
  std::optional<EvidenceRow> FindEvidence(RowId id) const;
  std::optional<VerdictRow> FindVerdict(RowId id) const;
  std::optional<DecisionRow> FindDecision(RowId id) const;

  std::vector<ModelRow> Models() const;
  std::vector<RunRow> Runs() const;                                             // oldest first
  std::vector<MeasurementRow> MeasurementsByKey(const std::string& key) const;  // oldest first
  std::vector<DecisionRow> Decisions() const;
  std::vector<RowRef> RowsOfDecision(RowId decision_id) const;
  std::vector<MarkRow> MarksOfAnswer(RowId answer_id) const;

  // Items of the run that have an answer, and which of their samples.
  std::set<AnswerPlace> AnsweredItems(RowId run_id) const;
  int64_t CountAnswers(RowId run_id) const;
  // Answers with the marks of one scorer, in the order of item ids and samples; kNotRun where there is none.
  std::vector<MarkedAnswer> Answers(RowId run_id, const std::string& scorer) const;
  // Answers that have no mark of this scorer yet.
  std::vector<AnswerRow> UnmarkedAnswers(RowId run_id, const std::string& scorer) const;

  // One process at a time does the work with this key; a second one waits, calling `waiting` now and then, and finds
  // the rows when it looks after that. Null for a store in memory. A killed process lets go.
  std::unique_ptr<FileLock> LockWork(const std::string& key, const std::function<void()>& waiting) const;

  // The hash of a file that was seen before with this size and modification time; otherwise computes and remembers it.
  std::string HashOfFile(const Path& file);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace loco
