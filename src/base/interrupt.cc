#include "base/interrupt.h"

#include <csignal>

#include "base/error.h"

namespace loco {
namespace {

volatile std::sig_atomic_t interrupt_requested = 0;

void HandleSignal(int signal) {
  interrupt_requested = 1;
  std::signal(signal, SIG_DFL);  // a second Ctrl-C must always work, also when an item hangs
}

}  // namespace

void InstallInterruptHandler() {
  std::signal(SIGINT, HandleSignal);
  std::signal(SIGTERM, HandleSignal);
}

bool InterruptRequested() { return interrupt_requested != 0; }

void ThrowIfInterrupted() {
  if (InterruptRequested()) throw Interrupted();
}

}  // namespace loco
