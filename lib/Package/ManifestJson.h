// manifest.json; docs/package-format.md is its description.
#ifndef TP_LIB_PACKAGE_MANIFESTJSON_H
#define TP_LIB_PACKAGE_MANIFESTJSON_H

#include "Slices.h"

namespace tp::package {

// The file's text. Rank r's weights are "weights/N.bin" with N = plan.fileOfRank[r].
std::string manifestText(const PackageInputs &inputs, const FilePlan &plan);

} // namespace tp::package

#endif
