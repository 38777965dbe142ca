// Command line of the compiler; lib/Driver does the work.
#include "tp/Driver/Compile.h"
#include "tp/Support/Error.h"

#include <CLI/CLI.hpp>
#include <iostream>

using namespace tp;

// "dp=2,tp=4"
static std::vector<std::pair<std::string, int64_t>> parseMesh(const std::string &text) {
  std::vector<std::pair<std::string, int64_t>> mesh;
  std::stringstream list(text);
  std::string axis;
  while (std::getline(list, axis, ',')) {
    size_t equal = axis.find('=');
    std::string digits = equal == std::string::npos ? "" : axis.substr(equal + 1);
    if (equal == 0 || digits.empty() || digits.size() > 6 ||
        digits.find_first_not_of("0123456789") != std::string::npos || std::stoll(digits) < 1)
      throw Error("--mesh: expected NAME=SIZE,... with sizes of at least 1, such as dp=2,tp=4; found '" + text + "'");
    for (const auto &[name, size] : mesh)
      if (name == axis.substr(0, equal))
        throw Error("--mesh: axis '" + name + "' stands twice in '" + text + "'");
    mesh.push_back({axis.substr(0, equal), std::stoll(digits)});
  }
  if (mesh.empty() || text.back() == ',')
    throw Error("--mesh: expected NAME=SIZE,..., such as dp=2,tp=4; found '" + text + "'");
  return mesh;
}

// GLOB=SHARDING
static std::pair<std::string, std::string> parseWeightSharding(const std::string &text) {
  size_t equal = text.find('=');
  if (equal == 0 || equal == std::string::npos)
    throw Error("--shard-weight: expected GLOB=SHARDING, such as '*.ffn_up.weight=[{\"tp\"}, {}]'; found '" + text +
                "'");
  return {text.substr(0, equal), text.substr(equal + 1)};
}

static void addOptions(CLI::App &app, CompileOptions &options, std::string &mesh, std::vector<std::string> &shardings,
                       std::string &dtype) {
  app.add_option("MODEL", options.model, "GGUF file, Hugging Face directory, or .mlir file")->required();
  app.add_option("-o,--output", options.output,
                 "package to write; with --stop-after, FILE.mlir, or - for standard output");
  app.add_option("--mesh", mesh,
                 "devices by named axes, e.g. dp=2,tp=4: dp splits the batch, tp the weights [one device]");
  app.add_option("--strategy", options.strategy,
                 "megatron: weights by heads and hidden units; sequence: also activations between blocks by sequence; "
                 "replicate: nothing is split; none: as annotated [megatron; none for an annotated .mlir file]");
  app.add_option(
      "--shard-weight", shardings,
      "GLOB=SHARDING: splits the weights whose names match, e.g. '*.ffn_up.weight=[{\"tp\"}, {}]'; may be repeated");
  app.add_option("--dtype", dtype, "f32 or bf16: weights and KV cache [f32]")->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--max-seq", options.maxSeq, "positions in the KV cache [the smaller of the model's context and 2048]")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--prefill-chunk", options.prefillChunk,
                 "most rows of a prompt that run at once, a power of two from 16 [128; 512 with --target cuda]")
      ->check(CLI::Range(16, 1 << 24));
  app.add_option("--batch", options.batch, "sequences that run at once [1]")->check(CLI::Range(1, 4096));
  std::string phases;
  for (const std::string &phase : phaseNames())
    phases += (phases.empty() ? "" : ", ") + phase;
  app.add_option("--stop-after", options.stopAfter, "stop after a phase: " + phases);
  app.add_option("--explain", options.explainFile,
                 "print every collective and what asked for it; --explain=FILE writes it, as JSON to FILE.json")
      ->expected(0, 1);
  app.add_flag("--no-weights", options.noWeights,
               "write a package without weights; config.json alone is enough then. tp-run wants the files that "
               "manifest.json names, of weight_bytes each");
  app.add_flag("--verify-partition", options.verifyPartition,
               "compare the partitioned program with the whole one on random inputs");
  app.add_flag("--print-ir-after-phase", options.printIr, "print the IR after each phase to standard error");
  app.add_option("--target", options.target, "cpu, or cuda: GPUs [cpu]")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--gpu-arch", options.gpuArchs, "with --target cuda: architectures, e.g. sm_80,sm_90 [both]")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option(
      "--ptxas", options.ptxas,
      "with --target cuda: NVIDIA's assembler, or none for PTX alone [$TP_PTXAS, PATH, /usr/local/cuda/bin]");
  app.add_option("--overlap", options.overlap,
                 "with --target cuda: auto, on or off: compute half of the rows while the other half is summed; auto: "
                 "where it should pay [auto]")
      ->check(CLI::IsMember({"auto", "on", "off"}));
  app.add_flag("--emit-kernel-ir", options.emitKernelIr, "with --target cuda: also write the LLVM IR of the kernels");
  app.add_option("--cpu", options.cpu, "CPU to generate code for, as LLVM names it [this machine's]");
  app.add_flag("--reverse-worklist", options.reverseWorklist,
               "debug: visit ops in reverse while propagating; the result is the same");
  app.add_flag("-q,--quiet", options.quiet, "no progress lines");
}

int main(int argc, char **argv) {
  CLI::App app{"Compiles a transformer for many devices: model in, package out. tp-run runs the package.",
               "tp-compile"};
  CompileOptions options;
  std::string mesh, dtype = "f32";
  std::vector<std::string> shardings;
  addOptions(app, options, mesh, shardings, dtype);
  try {
    app.parse(argc, argv);
    options.explain = app.count("--explain") > 0;
    options.bf16 = dtype == "bf16";
    if (app.count("--mesh"))
      options.mesh = parseMesh(mesh);
    for (const std::string &text : shardings)
      options.weightShardings.push_back(parseWeightSharding(text));
    compile(options);
  } catch (const CLI::Success &success) {
    return app.exit(success);
  } catch (const CLI::Error &error) {
    std::cerr << "tp-compile: error: " << error.what() << "\n";
    return 2;
  } catch (const std::exception &error) {
    std::cerr << "tp-compile: error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
