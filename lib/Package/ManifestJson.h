// manifest.json; docs/package-format.md is its description.
#ifndef TP_LIB_PACKAGE_MANIFESTJSON_H
#define TP_LIB_PACKAGE_MANIFESTJSON_H

#include "Slices.h"

namespace tp::package {

// Name of a file of kernels: kernels.sm_80.ptx, .cubin, .ll.
std::string kernelFile(const cuda::GpuModule &module, const std::string &kind);

// The file's text. Rank r's weights are "weights/N.bin" with N = plan.fileOfRank[r].
std::string manifestText(const PackageInputs &inputs, const FilePlan &plan);

} // namespace tp::package

#endif
