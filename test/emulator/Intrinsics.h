// What compiled kernels call: checked memory, meetings of threads, matrix units.
#ifndef TP_EMU_INTRINSICS_H
#define TP_EMU_INTRINSICS_H

#include <utility>
#include <vector>

namespace tp::emu {

std::vector<std::pair<const char *, void *>> runtimeSymbols();
// What was released through memory, for when addresses are used again.
void forgetFlags();

} // namespace tp::emu

#endif
