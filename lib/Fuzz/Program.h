// A random program in the making: text, and the values that the next op may use.
#ifndef TP_LIB_FUZZ_PROGRAM_H
#define TP_LIB_FUZZ_PROGRAM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tp::fuzz {

using Shape = llvm::SmallVector<int64_t, 4>;

// Indices are i32 that only ops which look something up may read, so that they stay within bounds.
enum class Element { F32, BF16, I32, I1, Indices };

struct Value {
  std::string name;
  Shape shape;
  Element element;
  // No element's magnitude is larger. Below kMaxBound, sums of integers in f32 are exact in any order.
  double bound;

  unsigned rank() const { return shape.size(); }
  int64_t dim(unsigned i) const { return shape[i]; }
  std::string type() const;
  bool isFloat() const { return element == Element::F32 || element == Element::BF16; }
};

inline constexpr double kMaxBound = 1 << 20;
// Of function arguments.
inline constexpr double kInputBound = 4;

std::string typeOf(llvm::ArrayRef<int64_t> shape, Element element);
// `[a, b]`
std::string list(llvm::ArrayRef<int64_t> numbers);
// ` : (operand types) -> result`
std::string signatureOf(llvm::ArrayRef<Value> operands, const std::string &result);

class Program {
public:
  explicit Program(uint64_t seed) : random(seed) {}

  // A number in [0, n).
  int64_t below(int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool chance(double probability) { return below(1000) < probability * 1000; }
  template <typename T> const T &oneOf(llvm::ArrayRef<T> choices) { return choices[below(choices.size())]; }

  // The program's mesh and the few sizes that its dimensions are taken from, so that shapes meet again.
  void chooseMesh();
  void chooseSizes();
  int64_t size() { return oneOf<int64_t>(sizes); }
  Shape shape(unsigned rank);

  using Condition = llvm::function_ref<bool(const Value &)>;
  // One of the values that meet a condition; a later one more often.
  std::optional<Value> pick(Condition condition);
  // A value of this shape, or else a new argument.
  Value valueOr(llvm::ArrayRef<int64_t> shape, Element element = Element::F32);
  // Any float or integer value of at least this rank; a new argument if there is none.
  Value any(unsigned minRank, unsigned maxRank = 4, Element element = Element::F32);
  Value argument(llvm::ArrayRef<int64_t> shape, Element element = Element::F32);
  Value indices(llvm::ArrayRef<int64_t> shape);

  // Adds `%n = text`, and the value to those that later ops may use.
  Value emit(const std::string &text, llvm::ArrayRef<int64_t> shape, Element element, double bound);
  // The same for a value that no op but the caller's reads.
  std::string emitHidden(const std::string &text);
  // `x + 1`: padding that was zero no longer is.
  Value plusOne(const Value &x);
  // A scalar constant.
  std::string scalar(double value, Element element);
  void line(const std::string &text) { body += std::string(indent, ' ') + text + "\n"; }
  std::string fresh() { return "%" + std::to_string(next++); }

  // ` {tp.sharding = ...}` or nothing. `isResult`: of a function's result.
  std::string annotation(const Value &value, bool isResult);
  std::string sharding(llvm::ArrayRef<int64_t> shape, bool mayBePartial);

  // What is being written: a function's arguments, body and values.
  std::vector<Value> arguments, values;
  std::string signature, body, functions;
  unsigned indent = 2, next = 0, depth = 0;
  std::vector<std::pair<std::string, int64_t>> mesh;

private:
  std::mt19937_64 random;
  std::vector<int64_t> sizes;
  // Of an argument: partial values are more interesting in company.
  double partialChance = 0;
};

// Makes an op, or returns false where the program has no place for it.
using Maker = bool (*)(Program &program);
struct OpKind {
  const char *name;
  Maker make;
  unsigned weight;
  bool isExact; // on integers: its result is an integer, the same in any order of sums
};

llvm::ArrayRef<OpKind> tpOps();
llvm::ArrayRef<OpKind> familyOps();
llvm::ArrayRef<OpKind> elementwiseOps();
llvm::ArrayRef<OpKind> tensorOps();
llvm::ArrayRef<OpKind> linalgOps();

} // namespace tp::fuzz

#endif
