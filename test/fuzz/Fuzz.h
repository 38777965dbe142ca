// A fuzzer of IR text: test inputs, mutated, through the parser and the phases.
#ifndef TP_TEST_FUZZ_FUZZ_H
#define TP_TEST_FUZZ_FUZZ_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tp::fuzz {

// The modules in the files: split at `// -----`, without comments. Each stands there once, those without an
// expected error eight times.
std::vector<std::string> readModules(const std::vector<std::string> &files);

// A module with one to four mutations: bytes, tokens, lines or numbers, or a part of another module. The same for the
// same seed and modules.
std::string mutate(const std::vector<std::string> &modules, uint64_t seed);

// Runs one text through the parser, the phases, the interpreter and the CPU lowering.
class Phases {
public:
  Phases();
  ~Phases();
  // From now on the attribute #planted<crash> kills the parser.
  void plant();
  // Fails only on an error of the compiler's own: a phase that fails and says nothing, or that makes an invalid module.
  // Returns what happened, or nothing. `last` is kept at what is running, for whoever sees a crash; `said` has the
  // diagnostics.
  std::string run(const std::string &text, uint64_t seed, volatile int *last);
  const std::string &said() const;
  bool parsed() const; // the text was a valid module

  static const char *nameOf(int phase);
  static constexpr int kParse = 0;
  // Asked by a signal's handler while the parser runs: it died in MLIR's own code, not in any that this project gave
  // it.
  static bool diesUpstream();

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace tp::fuzz

#endif
