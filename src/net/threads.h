// The one thread pool of the trainer's kernels.
//
//   Threads threads(2);
//   threads.Run(panels, [&](int64_t panel, int worker) { … });   // returns when all panels are done
//
// Tasks are handed out one by one, so that a slow core takes fewer of them. Which worker runs a task is therefore not
// determined; a task must write what no other task writes, and then results are the same bits whoever ran it. The
// caller is worker 0 and works along. Tasks do not throw.
//
// It deliberately has no queue, no futures and no nesting: kernels are loops over panels, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace loco {

class Threads {
 public:
  // At least 1.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const { return count_; }
  void Run(int64_t tasks, const std::function<void(int64_t task, int worker)>& work);

  // Memory of one worker that lives until the next call for that worker asks for more; 64-byte aligned, not cleared.
  std::byte* Scratch(int worker, size_t bytes);
  // Bytes held by all scratch memory: a term of the memory plan.
  size_t scratch_bytes() const;

 private:
  struct State;
  int count_;
  std::unique_ptr<State> state_;
};

}  // namespace loco
