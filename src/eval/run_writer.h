// Writes the answers of one run, each with its mark and in a transaction of its own, as they come from whatever
// answers.
//
//   RunWriter writer(store, task, run, progress, clock);
//   if (!writer.IsAnswered({item.id, 0})) …
//   writer.Write(item, answer, response);          // `answer` says what is not in the response: tokens, seconds
//   MarkStoredAnswers(store, task, run);           // those that this version of the scorer has not seen
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/progress.h"
#include "score/marking.h"
#include "store/store.h"
#include "task/task.h"

namespace loco {

class RunWriter {
 public:
  // All must outlive the object.
  RunWriter(Store& store, const Task& task, RowId run, Progress& progress, const Clock& clock);

  bool IsAnswered(const AnswerPlace& place) const { return answered_.contains(place); }
  // Fills what run, item and response say, marks, and stores; an item that was answered before stays as it is. Throws
  // Interrupted when the user stopped, after what is done is stored.
  void Write(const Item& item, AnswerRow answer, const Response& response);

  int64_t stored() const { return static_cast<int64_t>(answered_.size()); }  // before this writer
  int64_t written() const { return written_; }

 private:
  Store& store_;
  const Task& task_;
  RowId run_;
  Progress& progress_;
  const Clock& clock_;
  std::set<AnswerPlace> answered_;
  int64_t done_;
  int64_t written_ = 0;
  int64_t tokens_ = 0;
  double started_;
};

void MarkStoredAnswers(Store& store, const Task& task, RowId run);

}  // namespace loco
