#include "net/threads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace loco {
namespace {

constexpr size_t kAlignment = 64;

// How long a worker looks for the next job before it sleeps. Kernels follow each other within microseconds, and waking
// a sleeping thread costs about as much as a small product; but a machine with other work to do must get its core back.
constexpr int kSpins = 4000;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

struct Arena {
  std::unique_ptr<std::byte, Free> memory;
  size_t bytes = 0;
};

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct Threads::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable done;
  std::atomic<uint64_t> job{0};  // counts jobs; a worker that sees a new number works on it
  std::atomic<int64_t> next{0};  // the next task of the current job
  std::atomic<int> busy{0};      // workers that have not finished the current job
  int64_t tasks = 0;
  const std::function<void(int64_t, int)>* work = nullptr;
  bool stop = false;
  std::vector<Arena> arenas;
  std::vector<std::thread> workers;

  void Work(int worker) {
    for (int64_t task = next++; task < tasks; task = next++) (*work)(task, worker);
  }

  void Loop(int worker) {
    uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < kSpins && job.load(std::memory_order_acquire) == seen; ++i) Pause();
      if (job.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return job.load(std::memory_order_acquire) != seen; });
      }
      seen = job.load(std::memory_order_acquire);
      if (stop) return;
      Work(worker);
      if (--busy == 0) {
        const std::lock_guard lock(mutex);
        done.notify_one();
      }
    }
  }
};

Threads::Threads(int count) : count_(std::max(1, count)), state_(std::make_unique<State>()) {
  state_->arenas.resize(static_cast<size_t>(count_));
  for (int worker = 1; worker < count_; ++worker) {
    state_->workers.emplace_back([state = state_.get(), worker] { state->Loop(worker); });
  }
}

Threads::~Threads() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
    ++state_->job;
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

void Threads::Run(int64_t tasks, const std::function<void(int64_t, int)>& work) {
  State& state = *state_;
  state.tasks = tasks;
  state.work = &work;
  state.next = 0;
  if (count_ == 1 || tasks <= 1) {
    state.Work(0);
    return;
  }
  state.busy = count_ - 1;
  {
    const std::lock_guard lock(state.mutex);
    ++state.job;
  }
  state.wake.notify_all();
  state.Work(0);
  for (int i = 0; i < kSpins && state.busy != 0; ++i) Pause();
  if (state.busy != 0) {
    std::unique_lock lock(state.mutex);
    state.done.wait(lock, [&] { return state.busy == 0; });
  }
}

std::byte* Threads::Scratch(int worker, size_t bytes) {
  Arena& arena = state_->arenas[static_cast<size_t>(worker)];
  if (arena.bytes < bytes) {
    arena.memory.reset();
    arena.bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    arena.memory.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, arena.bytes)));
    LOCO_CHECK(arena.memory != nullptr);
  }
  return arena.memory.get();
}

size_t Threads::scratch_bytes() const {
  size_t sum = 0;
  for (const Arena& arena : state_->arenas) sum += arena.bytes;
  return sum;
}

}  // namespace loco
