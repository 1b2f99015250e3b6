#include "base/interrupt.h"

#include <unistd.h>

#include <csignal>

#include "base/error.h"

namespace loco {
namespace {

volatile std::sig_atomic_t interrupt_requested = 0;

bool announce = false;

void HandleSignal(int signal) {
  interrupt_requested = 1;
  if (announce) {
    constexpr char kWords[] = "\nstopping at the next safe place; Ctrl-C again stops at once\n";
    const ssize_t ignored = ::write(STDERR_FILENO, kWords, sizeof kWords - 1);  // the one way to print from a handler
    static_cast<void>(ignored);
  }
  std::signal(signal, SIG_DFL);  // a second Ctrl-C must always work, also when an item hangs
}

}  // namespace

void InstallInterruptHandler() {
  announce = ::isatty(STDERR_FILENO) != 0;
  std::signal(SIGINT, HandleSignal);
  std::signal(SIGTERM, HandleSignal);
}

bool InterruptRequested() { return interrupt_requested != 0; }

void ThrowIfInterrupted() {
  if (InterruptRequested()) throw Interrupted();
}

}  // namespace loco
