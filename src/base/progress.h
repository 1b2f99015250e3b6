// Long work reports where it is; only the command line knows how to show it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace loco {

class Progress {
 public:
  virtual ~Progress() = default;
  // A stage of `total` steps (0: not known) begins; `done` of them were stored before (resumed work). Within a stage
  // another one may begin and end.
  virtual void Begin(std::string_view label, int64_t total, int64_t done) = 0;
  // `done` of the steps are finished; `note` is short live information, such as "312 tok/s".
  virtual void Update(int64_t done, std::string_view note) = 0;
  virtual void End() = 0;
};

class NoProgress : public Progress {
 public:
  void Begin(std::string_view, int64_t, int64_t) override {}
  void Update(int64_t, std::string_view) override {}
  void End() override {}
};

}  // namespace loco
