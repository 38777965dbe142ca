// Cuts the weights and writes them, in blocks of rows: memory does not grow with the model.
#ifndef TP_LIB_PACKAGE_WEIGHTFILES_H
#define TP_LIB_PACKAGE_WEIGHTFILES_H

#include "Slices.h"

namespace tp::package {

// Writes folder/0.bin, folder/1.bin, ... with inputs.threads threads.
void writeWeightFiles(const PackageInputs &inputs, const FilePlan &plan, const std::string &folder,
                      const ProgressFn &progress);

} // namespace tp::package

#endif
