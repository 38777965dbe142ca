// Runs cases in child processes, so that a crash, a hang or too much memory ends one case alone.
#include "tp/Fuzz/Fuzz.h"

#include <csignal>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tp::fuzz;

static constexpr unsigned kSeconds = 20;          // of a case, on the CPU: other work on the machine does not count
static constexpr rlim_t kBytes = rlim_t(4) << 30; // of a child's address space
static constexpr int64_t kCasesPerChild = 64;

namespace {
struct Child {
  pid_t pid = 0;
  int pipe = -1;
  int64_t next = 0, end = 0; // the cases that it has yet to report
  std::string received;
};
} // namespace

// In the child: a line per case, "outcome replicated message".
static void writeResult(int to, const Result &result) {
  std::string line = std::to_string(static_cast<int>(result.outcome)) + " " + std::to_string(result.replicated) + " " +
                     result.message + "\n";
  for (size_t done = 0; done < line.size();) {
    ssize_t written = write(to, line.data() + done, line.size() - done);
    if (written <= 0)
      _exit(1);
    done += written;
  }
}

static Result readResult(llvm::StringRef line) {
  Result result;
  auto [outcome, rest] = line.split(' ');
  auto [replicated, message] = rest.split(' ');
  result.outcome = static_cast<Outcome>(std::stoi(outcome.str()));
  result.replicated = std::stoll(replicated.str());
  result.message = message.str();
  return result;
}

static Child start(int64_t begin, int64_t end, mlir::MLIRContext &context,
                   llvm::function_ref<std::string(int64_t)> generateCase) {
  int ends[2];
  if (pipe(ends) != 0) {
    perror("tp-fuzz: pipe");
    exit(1);
  }
  fflush(nullptr);
  pid_t pid = fork();
  if (pid < 0) {
    perror("tp-fuzz: fork");
    exit(1);
  }
  if (pid > 0) {
    close(ends[1]);
    return {pid, ends[0], begin, end, ""};
  }
  close(ends[0]);
  // A stack trace of LLVM's would be mistaken for the fuzzer's own.
  if (!freopen("/dev/null", "w", stderr))
    _exit(1);
  rlimit limit{kBytes, kBytes};
  setrlimit(RLIMIT_AS, &limit);
  for (int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGPROF})
    std::signal(signal, SIG_DFL);
  for (int64_t i = begin; i < end; ++i) {
    itimerval seconds{{0, 0}, {kSeconds, 0}};
    setitimer(ITIMER_PROF, &seconds, nullptr);
    alarm(10 * kSeconds); // of one that waits
    writeResult(ends[1], runProgram(generateCase(i), context));
  }
  _exit(0);
}

// Takes what the child has written; false at its end.
static bool receive(Child &child, llvm::function_ref<void(int64_t, const Result &)> report) {
  char buffer[4096];
  ssize_t count = read(child.pipe, buffer, sizeof(buffer));
  if (count <= 0)
    return false;
  child.received.append(buffer, count);
  for (size_t at; (at = child.received.find('\n')) != std::string::npos; child.received.erase(0, at + 1))
    report(child.next++, readResult(llvm::StringRef(child.received).take_front(at)));
  return true;
}

// The child has ended, with a case in hand if it did not finish.
static void finish(Child &child, llvm::function_ref<void(int64_t, const Result &)> report) {
  int status = 0;
  close(child.pipe);
  waitpid(child.pid, &status, 0);
  if (child.next == child.end)
    return;
  Result result;
  bool isAlarm = WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF);
  result.outcome = isAlarm ? Outcome::TimedOut : Outcome::Crashed;
  if (WIFSIGNALED(status) && !isAlarm)
    result.message = std::string("by the signal ") + strsignal(WTERMSIG(status));
  else if (!isAlarm)
    result.message = "with the exit code " + std::to_string(WEXITSTATUS(status));
  report(child.next++, result);
}

void tp::fuzz::runCases(int64_t begin, int64_t end, unsigned jobs, mlir::MLIRContext &context,
                        llvm::function_ref<std::string(int64_t)> generateCase,
                        llvm::function_ref<void(int64_t, const Result &)> report) {
  std::vector<Child> children;
  int64_t next = begin;
  while (true) {
    while (children.size() < jobs && next < end) {
      children.push_back(start(next, std::min(end, next + kCasesPerChild), context, generateCase));
      next = children.back().end;
    }
    if (children.empty())
      return;
    std::vector<pollfd> waiting;
    for (const Child &child : children)
      waiting.push_back({child.pipe, POLLIN, 0});
    poll(waiting.data(), waiting.size(), -1);
    for (size_t i = waiting.size(); i-- > 0;) {
      if (!waiting[i].revents || receive(children[i], report))
        continue;
      finish(children[i], report);
      Child ended = children[i];
      children.erase(children.begin() + i);
      if (ended.next < ended.end)
        children.push_back(start(ended.next, ended.end, context, generateCase));
    }
  }
}

Result tp::fuzz::runIsolated(llvm::StringRef text, mlir::MLIRContext &context) {
  Result result;
  runCases(0, 1, 1, context, [&](int64_t) { return text.str(); }, [&](int64_t, const Result &r) { result = r; });
  return result;
}
