// Which CPU features a package needs and this machine lacks.
#ifndef TP_RT_CPUFEATURES_H
#define TP_RT_CPUFEATURES_H

#include <string>
#include <vector>

namespace tp::rt {

// Names as LLVM spells them ("avx512f", "sse4.2"). Throws Error that names `file` and the architecture or the first
// feature that this machine lacks or that this runtime does not know.
void requireCpu(const std::string &arch, const std::vector<std::string> &features, const std::string &file);

} // namespace tp::rt

#endif
