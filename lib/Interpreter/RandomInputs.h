// Random arguments for the functions of a whole program.
#ifndef TP_LIB_INTERPRETER_RANDOMINPUTS_H
#define TP_LIB_INTERPRETER_RANDOMINPUTS_H

#include "tp/Interpreter/Tensor.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include <map>

namespace tp {

class RandomInputs {
public:
  // `integers`: floats are integers from -2 to 2.
  explicit RandomInputs(uint64_t seed, bool integers = false) : seed(seed), integers(integers) {}

  // Argument `i` of a function. Matrices are scaled to keep values near 1 from layer to layer, parameter vectors are
  // near 1; indices lie in the range of what they are looked up in. Parameters of one name are the same tensor.
  Tensor make(mlir::FunctionOpInterface function, unsigned i);

private:
  uint64_t seed;
  bool integers;
  std::map<std::string, Tensor> parameters;
};

} // namespace tp

#endif
