// tp-run as a person starts it: output, files, messages, exit codes; as threads and under mpirun.
#include "core/ToyPackage.h"
#include "tokenizer/SmallTokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>

namespace tp::rt::test {
namespace {

struct Outcome {
  int code = -1;
  std::string out, err;
};

std::string idsText(const std::vector<int32_t> &ids, char separator) {
  std::string text;
  for (int32_t id : ids)
    text += (text.empty() ? "" : std::string(1, separator)) + std::to_string(id);
  return text;
}

class TpRun : public testing::Test {
protected:
  void SetUp() override { writeToyPackage(package, 2); }

  // `environment` in front of the command, as a shell reads it.
  Outcome shell(const std::string &command) {
    std::string outFile = scratch.path + "/out", errFile = scratch.path + "/err";
    int status = std::system((command + " >" + outFile + " 2>" + errFile + " </dev/null").c_str());
    Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : 128, readText(outFile), readText(errFile)};
    return outcome;
  }
  Outcome run(const std::string &arguments, const std::string &environment = "") {
    return shell(environment + " " TP_RUN_BINARY " " + package + " " + arguments);
  }
  Outcome mpirun(int ranks, const std::string &arguments, const std::string &environment = "") {
    // A folder of its own: Open MPI's default one is shared, and one run may remove it while another makes it.
    return shell("OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_orte_tmpdir_base=" + scratch.path + " " +
                 environment + " mpirun --oversubscribe --allow-run-as-root --bind-to none -n " +
                 std::to_string(ranks) + " " TP_RUN_BINARY " " + package + " " + arguments);
  }
  static bool hasMpi() {
    auto folder = std::filesystem::path(TP_RUN_BINARY).parent_path();
    return std::filesystem::exists(folder / ".." / "lib" / "libtp_comm_mpi.so");
  }
  static void expectError(const Outcome &outcome, const std::string &message) {
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.err, "tp-run: error: " + message + "\n");
  }
  std::string ids(const std::vector<int32_t> &tokens) { return " --prompt-ids " + idsText(tokens, ','); }

  ScratchFolder scratch;
  std::string package = scratch.path + "/package";
};

TEST_F(TpRun, PrintsTheIdsOfEveryPrompt) {
  auto first = toyPrompt(18), second = toyPrompt(3, 2);
  Outcome outcome = run("--print ids --ignore-eos --max-tokens 9" + ids(first) + ids(second));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, idsText(toyGreedy(first, 9), ' ') + "\n" + idsText(toyGreedy(second, 9), ' ') + "\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(TpRun, PrintsJson) {
  Outcome outcome = run("--print json --ignore-eos --max-tokens 3 --threads 2" + ids(toyPrompt(5)));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["ids"], nlohmann::json(toyGreedy(toyPrompt(5), 3)));
  EXPECT_EQ(json["prompt_tokens"], 5);
  EXPECT_EQ(json["finish"], "length");
}

TEST_F(TpRun, RunsInAnEmptyEnvironment) {
  Outcome outcome = run("--print ids --ignore-eos --max-tokens 3" + ids({1}), "cd / && env -i");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, idsText(toyGreedy({1}, 3), ' ') + "\n");
}

TEST_F(TpRun, ReadsAndPrintsText) {
  auto manifest = toyManifest(2);
  manifest["tokenizer"] = "tokenizer.json";
  writeManifest(package, manifest.dump());
  std::ofstream(package + "/tokenizer.json") << byteLevelFile().dump();
  // Token i is the byte i; the toy generates control characters.
  auto text = [](const std::vector<int32_t> &tokens) { return std::string(tokens.begin(), tokens.end()); };
  auto first = toyGreedy({'#', '$'}, 6), second = toyGreedy({'$'}, 6);
  Outcome outcome = run("--ignore-eos --max-tokens 6 --prompt '#$'");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, text(first) + "\n");
  std::ofstream(scratch.path + "/prompt.txt") << "$";
  outcome = run("--ignore-eos --max-tokens 6 --prompt '#$' --prompt-file " + scratch.path + "/prompt.txt");
  EXPECT_EQ(outcome.out, "[1] " + text(first) + "\n[2] " + text(second) + "\n");
  expectError(run("--prompt ''"), "prompt 1 is empty");
  expectError(run("--chat '#'"), "the package has no chat template: use a plain prompt");
  manifest["chat_template"] = "{{ messages }}";
  writeManifest(package, manifest.dump());
  EXPECT_NE(run("--chat '#'").err.find("the chat template is of no known family (ChatML, "), std::string::npos);
  std::ofstream(package + "/tokenizer.json") << "{";
  EXPECT_NE(run("--prompt '#'").err.find("tokenizer.json"), std::string::npos);
}

void expectStats(const std::string &path) {
  auto stats = nlohmann::json::parse(readText(path));
  EXPECT_EQ(stats["prefill"]["tokens"], 20);
  EXPECT_EQ(stats["decode"]["tokens"], 4);
  EXPECT_GT(stats["decode"]["tokens_per_second"], 0);
  EXPECT_GE(stats["load_seconds"], 0);
  ASSERT_EQ(stats["ranks"].size(), 2u);
  for (int rank = 0; rank < 2; ++rank) {
    auto &part = stats["ranks"][size_t(rank)];
    EXPECT_EQ(part["rank"], rank);
    EXPECT_EQ(part["weight_bytes"], 12);
    EXPECT_EQ(part["arena_bytes"], 16384);
    EXPECT_GT(part["peak_rss_bytes"], 0);
    EXPECT_EQ(part["collectives"], nlohmann::json::parse(R"([{"kind": "all_reduce", "count": 6, "bytes": 1776}])"));
  }
}

void expectLogits(const std::string &path, const std::vector<int32_t> &prompt) {
  std::string data = readText(path);
  ASSERT_EQ(data.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  std::string shape = "'shape': (" + std::to_string(prompt.size()) + ", " + std::to_string(toyVocab) + ", )";
  EXPECT_NE(data.find(shape), std::string::npos);
  size_t start = 10 + size_t(uint8_t(data[8])) + 256 * size_t(uint8_t(data[9]));
  EXPECT_EQ(start % 64, 0u);
  ASSERT_EQ(data.size(), start + prompt.size() * toyVocab * 4);
  std::vector<float> last(toyVocab);
  std::memcpy(last.data(), data.data() + data.size() - toyVocab * 4, toyVocab * 4);
  EXPECT_EQ(last, toyLogits(prompt));
}

TEST_F(TpRun, WritesStatsAndLogits) {
  std::string stats = scratch.path + "/stats.json", output = scratch.path + "/logits.npy";
  std::string common = "--print ids --ignore-eos --max-tokens 5" + ids(toyPrompt(20));
  ASSERT_EQ(run(common + " --stats " + stats).code, 0);
  expectStats(stats);
  ASSERT_EQ(run(common + " --output " + output).code, 0);
  expectLogits(output, toyPrompt(20));
  for (const auto &file : std::filesystem::directory_iterator(scratch.path))
    EXPECT_EQ(file.path().string().find("partial"), std::string::npos) << file.path();
}

TEST_F(TpRun, RefusesWhatItCannotRun) {
  expectError(run(""), "no prompt: give --prompt, --prompt-file, --prompt-ids or --chat");
  expectError(run("--prompt-ids ''"), "--prompt-ids: expected token ids separated by commas, found ''");
  expectError(run("--prompt-ids 1,,2"), "--prompt-ids: expected token ids separated by commas, found ''");
  expectError(run("--prompt-ids 1,x"), "--prompt-ids: expected token ids separated by commas, found 'x'");
  expectError(run("--prompt-ids 1,99"), "prompt 1: token 99 is not in the vocabulary, 0 to 36");
  expectError(run("--print text --prompt-ids 1"), "the package has no tokenizer to print text with: use --print ids");
  expectError(run("--prompt hello"), "the package has no tokenizer: give prompts as token ids");
  expectError(run("--prompt-ids 1 --prompt-ids 1 --prompt-ids 1"),
              "the package runs 2 prompts at once (its batch), found 3");
  expectError(run("--prompt-file /absent --print ids"), "/absent: cannot read the prompt");
  EXPECT_NE(run("--prompt-ids 1 --temperature -1").code, 0);
  EXPECT_NE(run("--prompt-ids 1 --frobnicate").code, 0);
  EXPECT_NE(run("--prompt-ids 1 --print ids --top-p 0").code, 0);
  EXPECT_NE(run("--prompt-ids 1 --print ids --threads 0").code, 0);
}

TEST_F(TpRun, RefusesFilesThatItCannotWriteBeforeItRuns) {
  Outcome outcome = run("--print ids --stats /absent/s.json" + ids({1}));
  expectError(outcome, "/absent/s.json: cannot write: No such file or directory");
  EXPECT_EQ(outcome.out, "");
  expectError(run("--print ids --output " + scratch.path + ids({1})), scratch.path + ": cannot write: Is a directory");
  outcome = run("--print ids --ignore-eos" + ids({1}) + " 1>/dev/full; exit $?; true");
  EXPECT_NE(outcome.code, 0);
}

TEST_F(TpRun, AFailedRunLeavesNoFiles) {
  std::string stats = scratch.path + "/stats.json";
  Outcome outcome = run("--print ids --stats " + stats + ids({1, failToken}));
  expectError(outcome, "rank 1: the program calls collective 99, the manifest has 2");
  for (const auto &file : std::filesystem::directory_iterator(scratch.path))
    EXPECT_EQ(file.path().string().find("stats"), std::string::npos) << file.path();
}

TEST_F(TpRun, ARankThatSpinsForEverEndsTheRun) {
  auto begin = std::chrono::steady_clock::now();
  Outcome outcome = run("--print ids" + ids({1, spinToken}), "TP_TIMEOUT=1");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err.find("tp-run: error: rank 1: stalled: not at all_reduce (logits) after 1 s"), 0u)
      << outcome.err;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(TpRun, HelpNamesEveryOption) {
  Outcome outcome = run("--help");
  EXPECT_EQ(outcome.code, 0);
  for (const char *name :
       {"--prompt", "--prompt-file", "--prompt-ids", "--chat", "--max-tokens", "--ignore-eos", "--temperature",
        "--top-k", "--top-p", "--seed", "--print", "--threads", "--stats", "--output"})
    EXPECT_NE(outcome.out.find(name), std::string::npos) << name;
}

class TpRunMpi : public TpRun {
protected:
  void SetUp() override {
    if (!hasMpi())
      GTEST_SKIP() << "built without MPI";
    TpRun::SetUp();
  }
  static void expectLine(const Outcome &outcome, const std::string &message) {
    EXPECT_NE(outcome.code, 0);
    EXPECT_NE(outcome.err.find("tp-run: error: " + message + "\n"), std::string::npos) << outcome.err;
  }
};

TEST_F(TpRunMpi, GivesTheSameAsThreads) {
  std::string stats = scratch.path + "/stats.json", output = scratch.path + "/logits.npy";
  auto prompt = toyPrompt(20);
  Outcome outcome = mpirun(2, "--print ids --ignore-eos --max-tokens 5 --threads 2 --stats " + stats + ids(prompt));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, idsText(toyGreedy(prompt, 5), ' ') + "\n");
  expectStats(stats);
  outcome = mpirun(2, "--print ids --ignore-eos --max-tokens 5 --output " + output + ids(prompt) + ids({1, 2}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, idsText(toyGreedy(prompt, 5), ' ') + "\n" + idsText(toyGreedy({1, 2}, 5), ' ') + "\n");
}

TEST_F(TpRunMpi, AnotherNumberOfProcessesIsRefusedOnce) {
  for (int ranks : {1, 3}) {
    Outcome outcome = mpirun(ranks, "--print ids" + ids({1}));
    expectLine(outcome, "the package is for 2 ranks, but mpirun started " + std::to_string(ranks));
    size_t first = outcome.err.find("tp-run: error");
    EXPECT_EQ(outcome.err.find("tp-run: error", first + 1), std::string::npos) << outcome.err;
  }
}

TEST_F(TpRunMpi, BadPromptsEndAllProcesses) {
  expectLine(mpirun(2, "--print ids --prompt-ids 99"), "prompt 1: token 99 is not in the vocabulary, 0 to 36");
  std::filesystem::remove(package + "/manifest.json");
  EXPECT_NE(mpirun(2, "--print ids --prompt-ids 1").code, 0);
}

TEST_F(TpRunMpi, ARankThatFailsEndsAllProcesses) {
  expectLine(mpirun(2, "--print ids --prompt-ids 1,31", "TP_TIMEOUT=30"),
             "rank 1: the program calls collective 99, the manifest has 2");
}

TEST_F(TpRunMpi, ARankThatStallsEndsAllProcesses) {
  auto begin = std::chrono::steady_clock::now();
  expectLine(mpirun(2, "--print ids --prompt-ids 1,33", "TP_TIMEOUT=1"),
             "rank 1: stalled: not at all_reduce (logits) after 1 s");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(TpRunMpi, ARankThatCrashesEndsAllProcesses) {
  EXPECT_NE(mpirun(2, "--print ids --prompt-ids 1,32", "TP_TIMEOUT=30").code, 0);
}

TEST_F(TpRunMpi, AMissingPluginIsNamed) {
  Outcome outcome = run("--print ids --prompt-ids 1", "OMPI_COMM_WORLD_SIZE=2 TP_COMM_MPI=/absent/plugin.so");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err.find("tp-run: error: started under MPI, but cannot load the plugin: /absent/plugin.so"), 0u)
      << outcome.err;
}

} // namespace
} // namespace tp::rt::test
