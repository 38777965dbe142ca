// tp-run: runs a package. The work is the runtime's (core/Session); here are the command line, the files and what is
// printed.
#include "Options.h"
#include "Printer.h"
#include "Progress.h"
#include "Stats.h"
#include "comm/Transport.h"
#include "core/Error.h"
#include "core/Npy.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace tp::run;
namespace rt = tp::rt;

namespace {

using Clock = std::chrono::steady_clock;

// Everything that a run needs, made before any rank starts to compute, so that what is wrong is said first.
struct Run {
  Options options;
  const tp_transport *transport = nullptr; // set: mpi
  std::shared_ptr<const rt::Package> package;
  std::optional<rt::TextCodec> codec;
  std::unique_ptr<rt::Session> session;
  rt::Request request;
  Print print = Print::ids;
  std::optional<rt::OutputFile> statsFile, outputFile;
  double loadSeconds = 0;
  std::optional<Progress> progress; // of the process that reports

  bool isRoot() const { return !transport || transport->rank == 0; }
};

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad())
    throw rt::Error(path + ": cannot read the prompt");
  return text;
}

const rt::TextCodec &codecOf(Run &run) {
  if (!run.codec)
    run.codec.emplace(*run.package);
  return *run.codec;
}

std::vector<int32_t> tokensOf(Run &run, const Prompt &prompt) {
  switch (prompt.kind) {
  case PromptKind::text:
    return codecOf(run).encode(prompt.value);
  case PromptKind::file: {
    std::string text = readFile(prompt.value);
    return codecOf(run).encode(text);
  }
  case PromptKind::ids:
    return parseIds(prompt.value);
  case PromptKind::chat:
    return codecOf(run).encodeChat(prompt.value);
  }
  return {};
}

void checkEncoder(const Options &options) {
  const std::string what = "the package is an encoder, which generates nothing: ";
  if (!options.generates.empty())
    throw rt::Error(what + options.generates + " is for decoders");
  for (const Prompt &prompt : options.prompts)
    if (prompt.kind == PromptKind::chat)
      throw rt::Error(what + "--chat is for decoders");
  if (options.output.empty() && options.stats.empty())
    throw rt::Error(what + "give --output FILE.npy for its hidden states");
}

void makeRequest(Run &run) {
  const Options &options = run.options;
  const rt::Manifest &manifest = run.package->manifest();
  if (options.prompts.empty())
    throw rt::Error("no prompt: give --prompt, --prompt-file, --prompt-ids or --chat");
  if (manifest.model.isEncoder())
    checkEncoder(options);
  for (const Prompt &prompt : options.prompts)
    run.request.prompts.push_back(tokensOf(run, prompt));
  run.request.tokenTypes = options.tokenTypes;
  run.request.maxTokens = options.maxTokens;
  run.request.ignoreEos = options.ignoreEos;
  run.request.sampling = options.sampling;
  run.request.wantOutput = !options.output.empty();
  rt::checkRequest(manifest, run.request);
  // Text needs a tokenizer, JSON has it where it can.
  run.print = options.print.value_or(manifest.tokenizer ? Print::text : Print::ids);
  const bool generates = options.maxTokens > 0 && !manifest.model.isEncoder();
  if (generates && run.print == Print::text && !manifest.tokenizer)
    throw rt::Error("the package has no tokenizer to print text with: use --print ids");
  if (generates && run.print != Print::ids && manifest.tokenizer)
    codecOf(run);
}

void prepare(Run &run) {
  auto begin = Clock::now();
  run.package = std::make_shared<const rt::Package>(run.options.package);
  const int64_t ranks = run.package->manifest().ranks;
  if (run.transport && run.transport->size != ranks)
    throw rt::Error("the package is for " + std::to_string(ranks) + " ranks, but " + rt::launcherName() + " started " +
                    std::to_string(run.transport->size));
  if (run.isRoot()) {
    makeRequest(run);
    if (!run.options.stats.empty())
      run.statsFile.emplace(run.options.stats);
    if (!run.options.output.empty())
      run.outputFile.emplace(run.options.output);
  }
  rt::EngineOptions options{run.options.threads, run.transport};
  if (run.isRoot()) {
    run.progress.emplace(run.transport ? 1 : size_t(ranks));
    options.onLoad = [&run](int rank, int64_t done, int64_t total) { run.progress->update(rank, done, total); };
  }
  run.session = std::make_unique<rt::Session>(run.package, options);
  run.loadSeconds = std::chrono::duration<double>(Clock::now() - begin).count();
}

void generate(Run &run) {
  const bool encoder = run.package->manifest().model.isEncoder();
  Printer printer(run.print, run.request.prompts.size(), run.codec ? &*run.codec : nullptr);
  run.request.onToken = [&](int64_t sequence, int32_t token) { return printer.token(sequence, token); };
  rt::Result result = run.session->generate(run.request);
  auto ranks = run.session->stats();
  if (!run.isRoot())
    return;
  if (!encoder && run.options.maxTokens > 0)
    printer.finish(result, run.request.prompts);
  if (run.outputFile) {
    rt::writeNpy(*run.outputFile, result.output, result.outputShape);
    run.outputFile->commit();
  }
  if (run.statsFile) {
    std::string text = statsJson(result, ranks, run.loadSeconds);
    run.statsFile->write(text.data(), text.size());
    run.statsFile->commit();
  }
}

void report(const std::string &message) {
  std::string line = "tp-run: error: " + message;
  for (char &c : line)
    if (c == '\n' || c == '\r')
      c = ' ';
  line += '\n';
  std::fputs(line.c_str(), stderr);
}

void dropFiles(Run &run) {
  run.statsFile.reset();
  run.outputFile.reset();
  std::fflush(stdout);
}

// Ends the process without waiting for threads that may be stuck in the package's code, or for other ranks.
[[noreturn]] void quit(Run &run) {
  dropFiles(run);
  _exit(1);
}

// A crash of a rank's code: one line, then the default action. Only async-signal-safe calls.
void onCrash(int signal) {
  const char *name = signal == SIGSEGV  ? "SIGSEGV"
                     : signal == SIGBUS ? "SIGBUS (was a weight file cut while it was in use?)"
                     : signal == SIGILL ? "SIGILL"
                                        : "SIGFPE";
  char text[256];
  int rank = rt::crashRank();
  int n = rank < 0 ? std::snprintf(text, sizeof(text), "tp-run: error: crashed: %s\n", name)
                   : std::snprintf(text, sizeof(text), "tp-run: error: rank %d: crashed: %s\n", rank, name);
  if (write(STDERR_FILENO, text, size_t(n)) < 0)
    _exit(1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// `agreed`: all ranks know the error already.
int runUnderMpi(Run &run, const std::string &error, bool agreed) {
  // What is wrong everywhere is said once, by rank 0; what is wrong on one rank too.
  std::string first = agreed ? error : rt::agreeOnError(*run.transport, error);
  if (first.empty()) {
    try {
      generate(run);
    } catch (const std::exception &e) {
      report(e.what());
      dropFiles(run);
      run.transport->abort(1);
    }
    run.session.reset(); // all ranks together
  } else if (run.isRoot()) {
    report(first);
  }
  run.transport->finalize();
  if (!first.empty())
    quit(run); // some ranks have a session, some have not
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  std::signal(SIGPIPE, SIG_IGN);
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE})
    std::signal(signal, onCrash);
  Run run;
  std::string error;
  bool agreed = false;
  const bool mpi = rt::startedByLauncher();
  try {
    std::string help;
    auto options = parseOptions(argc, argv, help);
    if (!options) {
      if (!mpi || rt::rankFromEnvironment() == 0)
        std::fputs(help.c_str(), stdout);
      return 0;
    }
    run.options = *options;
  } catch (const std::exception &e) {
    if (!mpi || rt::rankFromEnvironment() == 0)
      report(e.what());
    return 1;
  }
  try {
    if (mpi)
      run.transport = &rt::openTransport();
    prepare(run);
    if (!mpi)
      generate(run);
  } catch (const rt::AgreedError &e) {
    error = e.what();
    agreed = true;
  } catch (const std::exception &e) {
    error = e.what();
  }
  if (run.transport)
    return runUnderMpi(run, error, agreed);
  if (error.empty())
    return 0;
  report(error);
  quit(run);
}
