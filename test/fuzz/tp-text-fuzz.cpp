// tp-text-fuzz: runs mutated test inputs through the compiler, in workers that may crash.
//   tp-text-fuzz [--cases N] [--seed S] [--jobs J] [--seconds T] [--gigabytes G] [--save FOLDER] FILE.mlir...
//   tp-text-fuzz --plant ...           with a parser that dies on purpose
//   tp-text-fuzz --replay FILE.mlir    one input, here, with what the compiler says
// A case is wrong if it crashes, takes longer than T seconds or more than G gigabytes, or if a phase fails without a
// diagnostic or makes an invalid module. Its input is written to FOLDER. The last line is 'N passed, N failed'.
#include "Fuzz.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <sstream>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tp::fuzz;
namespace cl = llvm::cl;

static cl::list<std::string> files(cl::Positional, cl::desc("test inputs"));
static cl::opt<int64_t> cases("cases", cl::init(20000)), seed("seed", cl::init(1)),
    first("first", cl::init(0), cl::desc("number of the first case"));
static cl::opt<int> jobs("jobs", cl::init(2)), seconds("seconds", cl::init(10), cl::desc("of CPU time, per case")),
    gigabytes("gigabytes", cl::init(4), cl::desc("per worker"));
static cl::opt<bool> plant("plant", cl::desc("the attribute #planted<crash> kills the parser, which must be found"));
static cl::opt<std::string> save("save", cl::init("text-fuzz-failures")), replay("replay");

namespace {

// What the workers and their parent share. The options are out of reach of LLVM's code: it may reset them.
struct Shared {
  std::atomic<int64_t> next, parsed, upstream;
  struct Worker {
    volatile int64_t current; // the case that runs; -1: none
    volatile int status;      // how its process ended
    volatile int phase;
    char wrong[256];
  } workers[64];
};

std::string inputOf(const std::vector<std::string> &modules, int64_t number) {
  return mutate(modules, static_cast<uint64_t>(seed) * 1000003 + number);
}

constexpr int kUpstream = 5; // exit status

// Some inputs kill MLIR 22's own parser and verifiers (linalg.broadcast without outs, tensor.concat with a dimension
// below 0): nothing that this project could mend. They are counted.
Shared::Worker *dying = nullptr;
void die(int number) {
  if (dying->phase == Phases::kParse && Phases::diesUpstream())
    _exit(kUpstream);
  raise(number);
}

// Each case has a process of its own: MLIR 22's parser may write to freed memory when it fails within nested regions,
// and another case would die of it.
[[noreturn]] void runCase(Shared &shared, Shared::Worker &self, Phases &phases, const std::string &text) {
  itimerval limit{{0, 0}, {seconds, 0}};
  setitimer(ITIMER_PROF, &limit, nullptr); // on the CPU: other work on the machine does not count
  alarm(10 * seconds);
  dying = &self;
  static char stack[1 << 16];
  stack_t other{stack, 0, sizeof stack};
  sigaltstack(&other, nullptr);
  struct sigaction action = {};
  action.sa_handler = die;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  for (int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE})
    sigaction(number, &action, nullptr);
  std::string wrong = phases.run(text, self.current, &self.phase);
  shared.parsed += phases.parsed();
  strncpy(self.wrong, wrong.c_str(), sizeof self.wrong - 1);
  _exit(wrong.empty() ? 0 : 2);
}

[[noreturn]] void work(Shared &shared, Shared::Worker &self, const std::vector<std::string> &modules) {
  rlimit memory{static_cast<rlim_t>(gigabytes) << 30, static_cast<rlim_t>(gigabytes) << 30}, core{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &core);
  // What it prints before it dies belongs in no one's log; --replay shows it.
  if (!freopen("/dev/null", "w", stderr))
    _exit(3);
  Phases phases;
  if (plant)
    phases.plant();
  for (int64_t number; (number = shared.next++) < first + cases;) {
    std::string text = inputOf(modules, number);
    self.current = number;
    pid_t pid = fork();
    if (pid == 0)
      runCase(shared, self, phases, text);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
      _exit(3);
    self.status = status;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kUpstream)
      ++shared.upstream;
    else if (status != 0)
      _exit(2);
    self.current = -1;
  }
  _exit(0);
}

std::string describe(const Shared::Worker &worker, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
    return worker.wrong;
  std::string how = "exit status " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status))
    how = WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGALRM ? "more than " + std::to_string(seconds) + " s"
                                                                     : strsignal(WTERMSIG(status));
  return std::string(Phases::nameOf(worker.phase)) + ": " + how;
}

void report(const std::vector<std::string> &modules, const Shared::Worker &worker, int status) {
  llvm::sys::fs::create_directories(save);
  std::string path = save + "/" + std::to_string(seed) + "-" + std::to_string(worker.current) + ".mlir";
  std::ofstream(path) << inputOf(modules, worker.current);
  llvm::outs() << "FAIL case " << worker.current << ": " << describe(worker, status) << ", see " << path << "\n";
  llvm::outs().flush();
}

int runAll(const std::vector<std::string> &modules) {
  void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Shared &shared = *new (memory) Shared();
  shared.next = first;
  std::map<pid_t, int> running;
  int64_t failures = 0;
  auto start = [&](int slot) {
    shared.workers[slot].current = -1;
    pid_t pid = fork();
    if (pid == 0)
      work(shared, shared.workers[slot], modules);
    running[pid] = slot;
  };
  for (int slot = 0; slot < jobs; ++slot)
    start(slot);
  while (!running.empty()) {
    int status = 0;
    pid_t pid = wait(&status);
    int slot = running[pid];
    running.erase(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      continue;
    if (shared.workers[slot].current < 0) {
      llvm::errs() << "a worker ended outside a case\n";
      return 1;
    }
    ++failures;
    report(modules, shared.workers[slot], shared.workers[slot].status);
    start(slot);
  }
  llvm::outs() << shared.parsed << " of " << cases << " cases were valid modules, " << shared.upstream
               << " died in MLIR's own parser\n"
               << cases - failures << " passed, " << failures << " failed\n";
  return failures ? 1 : 0;
}

int replayOne() {
  std::ifstream in(replay);
  std::stringstream text;
  text << in.rdbuf();
  Phases phases;
  int wrong = 0;
  for (uint64_t variant = 0; variant < 4; ++variant) {
    volatile int phase = 0;
    std::string what = phases.run(text.str(), variant, &phase);
    llvm::outs() << "-- variant " << variant << ", last phase: " << Phases::nameOf(phase) << "\n" << phases.said();
    if (!what.empty())
      llvm::outs() << "WRONG: " << what << "\n", wrong = 1;
    llvm::outs().flush();
  }
  return wrong;
}

} // namespace

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "runs mutated test inputs through the compiler\n");
  if (!replay.empty())
    return replayOne();
  std::vector<std::string> modules = readModules(files);
  if (modules.empty() || jobs < 1 || jobs > 64) {
    llvm::errs() << "tp-text-fuzz: expected .mlir files, and 1 to 64 jobs\n";
    return 2;
  }
  return runAll(modules);
}
