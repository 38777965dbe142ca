// How an emulated library function begins. TP_ENTER: may fail as planned, takes the lock, and reports an earlier error
// of the device. TP_LEAVE_ENTER, for functions that release something: they release whatever happens.
#ifndef TP_EMU_API_H
#define TP_EMU_API_H

#include "Device.h"

#define TP_ENTER_ANY(name)                                                                                             \
  Emulator &e = Emulator::get();                                                                                       \
  if (int planned = e.enter(#name))                                                                                    \
    return planned;                                                                                                    \
  std::unique_lock<std::mutex> lock(e.mutex);
#define TP_ENTER(name)                                                                                                 \
  TP_ENTER_ANY(name)                                                                                                   \
  if (e.sticky)                                                                                                        \
    return refuse(e.sticky, e.stickyText);                                                                             \
  if (currentDevice < 0)                                                                                               \
    return refuse(tp::rt::cuda::cudaInvalidContext, "no context is current on this thread");
#define TP_RELEASE(name)                                                                                               \
  Emulator &e = Emulator::get();                                                                                       \
  const int planned = e.enter(#name);                                                                                  \
  std::unique_lock<std::mutex> lock(e.mutex);

#endif
