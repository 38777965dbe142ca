//===- Error.h - The one exception type of the libraries without MLIR ----------------------------------------===//
//
// A message is one line, lowercase, without a full stop: what was expected, what was found, where.
//
//===----------------------------------------------------------------------------------------------------------===//
#ifndef TP_SUPPORT_ERROR_H
#define TP_SUPPORT_ERROR_H

#include <stdexcept>

namespace tp {

class Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

} // namespace tp

#endif // TP_SUPPORT_ERROR_H
