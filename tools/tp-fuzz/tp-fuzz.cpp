// Command line of the fuzzer; lib/Fuzz does the work.
#include "tp/Fuzz/Fuzz.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

using namespace tp::fuzz;

namespace {
struct Options {
  int64_t cases = 1000;
  uint64_t seed = 1;
  unsigned jobs = 1;
  std::string saveDir, replay, mutation;
  std::vector<std::string> ops;
  bool print = false;
};

// Failures of one signature.
struct Kind {
  int64_t count = 0, firstCase = 0;
  Result result;
};
} // namespace

static void addOptions(CLI::App &app, Options &options) {
  app.add_option("--cases", options.cases, "programs to try [1000]")->check(CLI::Range(int64_t(0), int64_t(1) << 40));
  app.add_option("--seed", options.seed, "the same seed makes the same programs [1]");
  app.add_option("--jobs", options.jobs, "processes [1]")->check(CLI::Range(1, 256));
  app.add_option("--ops", options.ops, "only ops whose names begin like one of these, e.g. tp.,linalg.matmul,scf.for")
      ->delimiter(',');
  app.add_option("--save-dir", options.saveDir, "folder for the shrunk programs that fail");
  app.add_option("--replay", options.replay, "run one program, an .mlir file");
  app.add_option("--mutate", options.mutation,
                 "make a mistake on purpose, which must be found: a mutation's name, or all");
  app.add_flag("--print", options.print, "print the programs instead of running them");
}

// Each case has a seed of its own, so that a range of cases can be run again.
static std::string programOf(const Options &options, int64_t number) {
  return generate(options.seed * 0x9e3779b97f4a7c15u + number, options.ops);
}

static int replay(const Options &options, mlir::MLIRContext &context) {
  std::ifstream file(options.replay);
  if (!file)
    throw std::runtime_error("cannot read '" + options.replay + "'");
  std::string text(std::istreambuf_iterator<char>(file), {});
  Result result = runIsolated(text, context);
  std::cout << nameOf(result.outcome).str() << (result.message.empty() ? "" : ": " + result.message) << "\n";
  return result.isFailure();
}

// Shrinks the first failure of a kind, says what it is and where it is saved.
static void show(const Options &options, const Kind &kind, mlir::MLIRContext &context) {
  std::cout << "FAIL case " << kind.firstCase << " (" << kind.count << " alike): " << nameOf(kind.result.outcome).str()
            << ": " << kind.result.message << std::endl;
  if (options.saveDir.empty())
    return;
  std::string name = "seed" + std::to_string(options.seed) + "-case" + std::to_string(kind.firstCase) + ".mlir";
  std::string path = (std::filesystem::path(options.saveDir) / name).string();
  std::string text = shrink(programOf(options, kind.firstCase), kind.result, context);
  std::ofstream file(path);
  file << "// " << nameOf(kind.result.outcome).str() << ": " << kind.result.message << "\n// tp-fuzz --replay " << path
       << "\n"
       << text;
  if (!file.flush())
    throw std::runtime_error("cannot write '" + path + "'");
  std::cout << "     tp-fuzz --replay " << path << std::endl;
}

static int fuzz(const Options &options, mlir::MLIRContext &context) {
  if (programOf(options, 0).empty())
    throw std::runtime_error("--ops: no op's name begins like any of those");
  if (!options.saveDir.empty())
    std::filesystem::create_directories(options.saveDir);
  std::map<std::string, Kind> kinds;
  int64_t agreed = 0, failed = 0, replicated = 0;
  auto report = [&](int64_t number, const Result &result) {
    replicated += result.replicated;
    if (result.outcome == Outcome::Agrees)
      return void(++agreed);
    ++failed;
    Kind &kind = kinds[result.signature()];
    if (kind.count++ == 0 || number < kind.firstCase)
      kind.firstCase = number, kind.result = result;
  };
  runCases(0, options.cases, options.jobs, context, [&](int64_t i) { return programOf(options, i); }, report);
  for (const auto &[signature, kind] : kinds)
    show(options, kind, context);
  std::cout << kinds.size() << " distinct failures; " << replicated << " ops without a rule\n"
            << agreed << " passed, " << failed << " failed\n";
  return failed > 0;
}

// Tells whether a case finds the mutation that does not fail without it; says which.
static bool isFound(Options options, const std::string &name, mlir::MLIRContext &context) {
  if (options.ops.empty())
    options.ops = mutationOps(name);
  constexpr int64_t batch = 256;
  for (int64_t begin = 0; begin < options.cases; begin += batch) {
    std::map<int64_t, Result> failures;
    setMutation(name);
    runCases(
        begin, std::min(options.cases, begin + batch), options.jobs, context,
        [&](int64_t i) { return programOf(options, i); },
        [&](int64_t i, const Result &result) {
          if (result.isFailure())
            failures[i] = result;
        });
    setMutation("");
    for (const auto &[number, result] : failures) {
      if (runIsolated(programOf(options, number), context).isFailure())
        continue;
      std::cout << name << ": found by case " << number << ": " << result.message << std::endl;
      return true;
    }
  }
  std::cout << "FAIL " << name << ": not found in " << options.cases << " cases" << std::endl;
  return false;
}

static int findMutations(const Options &options, mlir::MLIRContext &context) {
  int64_t tried = 0, found = 0;
  for (const std::string &name : mutationNames())
    if (options.mutation == "all" || options.mutation == name)
      ++tried, found += isFound(options, name, context);
  if (options.mutation == "all")
    for (const std::string &op : opsWithoutMutation(context)) {
      ++tried;
      std::cout << "FAIL " << op << ": no mutation breaks its rule" << std::endl;
    }
  if (tried == 0)
    throw std::runtime_error("--mutate: there is no mutation '" + options.mutation + "'");
  std::cout << found << " passed, " << tried - found << " failed\n";
  return found < tried;
}

int main(int argc, char **argv) {
  CLI::App app{
      "Random programs with random shardings: what the partitioned program computes must be what the whole one "
      "does. Failures are shrunk.",
      "tp-fuzz"};
  Options options;
  addOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  mlir::DialectRegistry registry;
  addDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  try {
    if (!options.replay.empty())
      return replay(options, context);
    if (!options.mutation.empty())
      return findMutations(options, context);
    for (int64_t i = 0; options.print && i < options.cases; ++i)
      std::cout << "// case " << i << "\n" << programOf(options, i) << "// -----\n";
    return options.print ? 0 : fuzz(options, context);
  } catch (const std::exception &error) {
    std::cerr << "tp-fuzz: error: " << error.what() << "\n";
    return 2;
  }
}
