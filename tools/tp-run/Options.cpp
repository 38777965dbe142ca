#include "Options.h"

#include "core/Error.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <map>

namespace tp::run {
namespace {

constexpr const char *about = "Runs a package that tp-compile wrote: starts its ranks, generates text.\n\n"
                              "Ranks are threads of this process. Under mpirun -n RANKS each process is one rank, on "
                              "one host or several, and rank 0\n"
                              "reads the prompts and prints.";

constexpr const char *environment =
    "Environment:\n"
    "  TP_TIMEOUT   seconds after which a rank that does not arrive counts as stalled (default 120)\n"
    "  TP_PIN=0     do not pin threads to CPUs\n"
    "  TP_COMM_MPI  file of the MPI plugin, where it is not beside tp-run or in ../lib\n"
    "  RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_WORLD_SIZE  as torchrun sets them: one rank per process, "
    "without MPI\n"
    "  TP_PORT      where rank 0 of such processes listens (default MASTER_PORT + 1)\n"
    "For GPUs:\n"
    "  CUDA_VISIBLE_DEVICES  the GPUs to use, as everywhere; rank r takes the r-th of them\n"
    "  TP_CUDA_SHARE=1       ranks may share one GPU where there are fewer than ranks\n"
    "  TP_CUDA_PROFILE=FILE  write how long rank 0's GPU takes for each kernel, GEMM and collective, as JSON; no "
    "graphs\n"
    "  TP_CUDA_ONE_SHOT=N    GPUs that see each other's memory exchange messages of up to N bytes through it, larger "
    "ones "
    "by NCCL\n"
    "                        (0: all by NCCL; default: measured when the first text begins)\n"
    "  TP_CUDA_GRAPHS=0      launch each step's kernels one by one, not as a CUDA graph\n"
    "  TP_CUDA_LIBRARIES     folder of libcuda, libcublasLt and libnccl, instead of where the loader looks\n"
    "  TP_PROGRESS=0|1       never or always say how much of the weights is on the GPUs (default: on a terminal)";

// Prompts of all kinds share one list, for their order on the command line is the order of the output.
void addPrompts(CLI::App &app, Options &options) {
  std::vector<Prompt> &prompts = options.prompts;
  auto add = [&](const char *name, PromptKind kind, const char *type, const char *help) {
    std::function<void(const std::string &)> take = [&prompts, kind](const std::string &value) {
      prompts.push_back({kind, value});
    };
    app.add_option_function(name, take, help)
        ->type_name(type)
        ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
        ->trigger_on_parse()
        ->group("Prompts (repeatable, up to the package's batch)");
  };
  add("--prompt", PromptKind::text, "TEXT", "text to go on from");
  add("--prompt-file", PromptKind::file, "FILE", "the same, read from a file");
  add("--prompt-ids", PromptKind::ids, "1,2,3", "token ids");
  app.add_option_function<std::string>(
         "--token-types",
         [&options](const std::string &value) { options.tokenTypes.push_back(parseIds(value, "--token-types")); },
         "types of an encoder's tokens, for the first prompt, the second, ... (default: all 0)")
      ->type_name("0,0,1")
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
      ->trigger_on_parse()
      ->group("Prompts (repeatable, up to the package's batch)");
  add("--chat", PromptKind::chat, "TEXT", "a user's message, put into the checkpoint's chat template");
}

void addGeneration(CLI::App &app, Options &options) {
  const char *group = "Generation";
  app.add_option("--max-tokens", options.maxTokens, "tokens to generate per prompt at most; 0: only run the prompts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  app.add_flag("--ignore-eos", options.ignoreEos, "go on after an end-of-text token")->group(group);
  app.add_option("--temperature", options.sampling.temperature, "0: always the most likely token (greedy)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  app.add_option("--top-k", options.sampling.topK, "choose among the K most likely tokens; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  app.add_option("--top-p", options.sampling.topP, "choose among the most likely tokens that reach P together")
      ->capture_default_str()
      ->group(group);
  app.add_option("--seed", options.sampling.seed, "of the random choices")->capture_default_str()->group(group);
}

void addOutput(CLI::App &app, Options &options) {
  const std::map<std::string, Print> prints{{"text", Print::text}, {"ids", Print::ids}, {"json", Print::json}};
  app.add_option("--print", options.print,
                 "text, streamed for one prompt; ids: one line of generated token ids per prompt; json: one object per "
                 "prompt (default: text, or ids where the package has no tokenizer)")
      ->transform(CLI::CheckedTransformer(prints).description("text|ids|json"))
      ->option_text("text|ids|json");
  app.add_option("--threads", options.threads, "threads per rank (default: hardware threads / ranks of this host)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  app.add_option("--stats", options.stats, "write tokens per second, memory and collectives of every rank as JSON")
      ->type_name("FILE");
  app.add_option(
         "--output", options.output,
         "write the logits of every prompt position (an encoder: its hidden states) as float32 NumPy, [positions, "
         "width] for one prompt, [prompts, longest, width] with zeros behind shorter ones for several")
      ->type_name("FILE.npy");
}

} // namespace

std::optional<Options> parseOptions(int argc, char **argv, std::string &help) {
  Options options;
  CLI::App app(about, "tp-run");
  app.footer(environment);
  app.add_option("PACKAGE", options.package, "folder that tp-compile wrote")->required()->option_text(" ");
  addPrompts(app, options);
  addGeneration(app, options);
  addOutput(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    help = app.help();
    return std::nullopt;
  } catch (const CLI::ParseError &e) {
    throw rt::Error(e.what());
  }
  for (const CLI::Option *option : app.get_options())
    if (option->count() > 0 && (option->get_group() == "Generation" || option->check_lname("print")))
      options.generates = option->get_name();
  return options;
}

std::vector<int32_t> parseIds(const std::string &text, const char *option) {
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    size_t first = text.find_first_not_of(' ', begin);
    std::string part = first < end ? text.substr(first, end - first) : "";
    part.erase(part.find_last_not_of(' ') + 1);
    int32_t id = 0;
    auto [rest, code] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (code != std::errc() || rest != part.data() + part.size())
      throw rt::Error(std::string(option) + ": expected " +
                      (std::string(option) == "--prompt-ids" ? "token ids" : "numbers") +
                      " separated by commas, found '" + part + "'");
    ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

} // namespace tp::run
