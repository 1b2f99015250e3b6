// Ctrl-C and SIGTERM: the first asks the work to stop at the next committed item, the second kills.
#pragma once

namespace loco {

void InstallInterruptHandler();
bool InterruptRequested();
// Throws Interrupted when a stop was requested. Called between items.
void ThrowIfInterrupted();

}  // namespace loco
