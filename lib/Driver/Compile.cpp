#include "tp/Driver/Compile.h"
#include "WeightShardings.h"

#include "tp/Conversion/CudaProgram.h"
#include "tp/Conversion/Passes.h"
#include "tp/Cost/Report.h"
#include "tp/Import/Import.h"
#include "tp/Interpreter/DeviceGroups.h"
#include "tp/Interpreter/VerifyPartition.h"
#include "tp/Package/Writer.h"
#include "tp/Pipelines/Pipelines.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SourceMgr.h"
#include <chrono>

using namespace mlir;
using namespace tp;

std::vector<std::string> tp::phaseNames() {
  std::vector<std::string> names = {"import"};
  for (StringRef phase : kPhases)
    names.push_back(phase.str());
  names.insert(names.end(), {"lower", "package"});
  return names;
}

namespace {
class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options(options), strategy(options.strategy), diagnostics(sources, &context, llvm::errs()) {}

  void run() {
    checkOptions();
    phase("import", [&] {
      import();
      shardWeights(*module, options.weightShardings);
    });
    if (finished("import"))
      return;
    for (StringRef name : kPhases) {
      // The whole program with its shardings is what the partitioned one is compared with.
      if (name == "partition" && options.verifyPartition)
        whole = module->clone();
      phase(name, [&] { transform(name); });
      if (finished(name))
        return;
    }
    cpu::CpuProgram program;
    cuda::CudaProgram cudaProgram;
    bool cuda = options.target == "cuda";
    phase("lower", [&] {
      requireEntries();
      unrollLayers();
      if (cuda)
        cudaProgram = lowerToCuda();
      else
        program = lowerToCpu();
    });
    if (finished("lower"))
      return;
    phase("package", [&] { package(cuda ? cudaProgram.host : program, cuda ? &cudaProgram : nullptr); });
  }

private:
  void checkOptions() {
    StringRef output = options.output;
    if (!options.stopAfter.empty() && !llvm::is_contained(phaseNames(), options.stopAfter))
      throw Error("--stop-after: unknown phase '" + options.stopAfter + "'; expected one of " +
                  llvm::join(phaseNames(), ", "));
    if (options.stopAfter.empty() || options.stopAfter == "package") {
      if (output.empty())
        throw Error("expected -o PKG (or --stop-after PHASE)");
      checkPackagePath(options.output);
    } else if (!output.empty() && output != "-" && !output.ends_with(".mlir")) {
      throw Error("-o: with --stop-after " + options.stopAfter + " expected FILE.mlir or -, found '" + options.output +
                  "'");
    }
    if (options.prefillChunk && (options.prefillChunk < 16 || !llvm::isPowerOf2_64(options.prefillChunk)))
      throw Error("--prefill-chunk: expected a power of two from 16, found " + std::to_string(options.prefillChunk));
    if (!llvm::is_contained({"", "megatron", "sequence", "replicate", "none"}, StringRef(options.strategy)))
      throw Error("--strategy: expected megatron, sequence, replicate or none, found '" + options.strategy + "'");
    if (options.overlap == "on" && options.target != "cuda")
      throw Error(
          "--overlap=on: expected --target cuda; all threads of a CPU rank take part in a collective, so nothing "
          "runs beside it");
  }

  // Whether a program says itself how it is split.
  static bool isAnnotated(ModuleOp module) {
    WalkResult walk = module.walk([](Operation *op) -> WalkResult {
      auto function = dyn_cast<func::FuncOp>(op);
      bool argument = function && llvm::any_of(llvm::seq(function.getNumArguments()), [&](unsigned i) {
                        return function.getArgAttr(i, kSharding) != nullptr;
                      });
      bool found = argument || op->hasAttr(kShardings) || isa<ShardingConstraintOp>(op);
      return found ? WalkResult::interrupt() : WalkResult::advance();
    });
    return walk.wasInterrupted();
  }

  // Ranks that no sequence of the batch falls to are legal, but seldom meant.
  void warnOfIdleRanks(MeshAttr mesh) {
    int64_t groups = mesh.sizeOf(StringAttr::get(&context, "dp")).value_or(1),
            each = (options.batch + groups - 1) / groups;
    int64_t busy = (options.batch + each - 1) / each;
    if (busy == groups)
      return;
    DeviceGroups dp(mesh, StringAttr::get(&context, "dp"));
    std::string ranks;
    for (int64_t rank = 0; rank < mesh.devices(); ++rank)
      if (dp.position(rank) >= busy)
        ranks += (ranks.empty() ? "" : ", ") + std::to_string(rank);
    llvm::errs() << "tp-compile: warning: --mesh: dp=" << groups << " splits --batch " << options.batch << " into "
                 << busy << (busy == 1 ? " part" : " parts") << "; idle: rank " << ranks << "\n";
  }

  // Runs a phase and says how long it took.
  template <typename Fn> void phase(StringRef name, Fn work) {
    auto start = std::chrono::steady_clock::now();
    work();
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!options.quiet)
      llvm::errs() << llvm::format("tp-compile: %-12s %6.2f s\n", name.str().c_str(), seconds);
    if (options.printIr && module && name != "lower" && name != "package")
      llvm::errs() << "// ----- after " << name << " -----\n" << *module << "\n";
  }

  // Where the user stops: the IR goes to -o FILE, if one is named.
  bool finished(StringRef phase) {
    if (options.stopAfter != phase)
      return false;
    if (options.output == "-") {
      llvm::outs() << *module;
    } else if (!options.output.empty()) {
      std::error_code error;
      llvm::raw_fd_ostream out(options.output, error);
      if (error)
        throw Error(options.output + ": " + error.message());
      out << *module;
    }
    return true;
  }

  MeshAttr meshAttribute() {
    SmallVector<StringAttr> names;
    SmallVector<int64_t> sizes;
    auto axes = options.mesh.empty() ? std::vector<std::pair<std::string, int64_t>>{{"tp", 1}} : options.mesh;
    for (const auto &[name, size] : axes) {
      names.push_back(StringAttr::get(&context, name));
      sizes.push_back(size);
    }
    if (failed(MeshAttr::verify([&] { return emitError(UnknownLoc::get(&context), "--mesh: "); }, names, sizes)))
      throw Error("--mesh cannot be used");
    return MeshAttr::get(&context, names, sizes);
  }

  void import() {
    if (StringRef(options.model).ends_with(".mlir"))
      return parse();
    context.loadDialect<TpDialect>();
    checkpoint = Checkpoint::open(options.model);
    bool packaged = options.stopAfter.empty() || options.stopAfter == "package";
    if (!checkpoint->hasWeights() && packaged && !options.noWeights)
      throw Error(options.model +
                  ": expected model.safetensors or model.safetensors.index.json, found config.json alone; "
                  "without weights, use --no-weights or --stop-after partition");
    // Products of fewer than about 300 rows wait for the weights on an H100 (989 TFLOP/s over 3.35 TB/s in bf16).
    int64_t prefillChunk = options.prefillChunk ? options.prefillChunk : options.target == "cuda" ? 512 : 128;
    auto alike = [&](StringRef first, StringRef second) {
      return shardedAlike(options.weightShardings, first.str(), second.str());
    };
    ImportedModel imported = importModel(
        context, *checkpoint, {meshAttribute(), options.bf16, options.batch, options.maxSeq, prefillChunk, alike});
    module = std::move(imported.module);
    maxSeq = imported.maxSeq;
    kind = imported.kind;
    warnOfIdleRanks(meshAttribute());
    if (failed(verify(*module)))
      throw Error("the imported program is not valid");
  }

  void parse() {
    context.loadDialect<TpDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                        scf::SCFDialect, tensor::TensorDialect>();
    ParserConfig config(&context);
    module = parseSourceFile<ModuleOp>(options.model, sources, config);
    if (!module)
      throw Error(options.model + ": cannot be read as MLIR");
    if (strategy.empty() && isAnnotated(*module))
      strategy = "none";
    auto meshes = module->getOps<MeshOp>();
    if (meshes.empty()) {
      OpBuilder b = OpBuilder::atBlockBegin(module->getBody());
      MeshOp::create(b, b.getUnknownLoc(), "mesh", meshAttribute());
    } else if (!options.mesh.empty() && (*meshes.begin()).getMesh() != meshAttribute()) {
      throw Error(options.model + ": has a mesh of its own; --mesh differs from it");
    }
  }

  void transform(StringRef name) {
    PassManager manager(&context);
    manager.enableVerifier(false); // takes as long as some passes: once, below
    addPhase(name, manager,
             {strategy.empty()     ? "megatron"
              : strategy == "none" ? ""
                                   : strategy,
              options.reverseWorklist, options.explain, options.target == "cuda" ? options.overlap : ""});
    if (failed(manager.run(*module)))
      throw Error("phase " + name.str() + " failed");
    if (name != "collectives" && options.stopAfter != name)
      return;
    if (failed(verify(*module)))
      throw Error("the program is not valid after phase " + name.str());
    report(name);
  }

  void report(StringRef name) {
    if (name != "partition" && name != "collectives")
      return;
    if (options.explain) {
      std::vector<CollectiveUse> uses = collectCollectives(*module);
      std::vector<IdleRanks> idle = findIdleRanks(*module);
      if (options.explainFile.empty())
        llvm::outs() << toTable(uses, idle);
      else
        writeReport(StringRef(options.explainFile).ends_with(".json") ? toJson(uses, idle) : toTable(uses, idle));
    }
    if (whole && failed(verifyPartition(*whole, *module, {})))
      throw Error("the partition is not right");
  }

  void writeReport(const std::string &text) {
    std::error_code error;
    llvm::raw_fd_ostream out(options.explainFile, error);
    if (error)
      throw Error("--explain: " + options.explainFile + ": " + error.message());
    out << text;
  }

  void requireEntries() {
    auto entries = module->getOps<func::FuncOp>();
    if (llvm::none_of(entries, [](func::FuncOp function) { return function->hasAttr(kEntry); }))
      throw Error(
          options.model +
          ": no function has the attribute tp.entry; expected entry functions as docs/package-format.md lists them");
  }

  // The package holds the weights of each layer, as the program does.
  void unrollLayers() {
    PassManager manager(&context);
    manager.addPass(createUnrollLayers());
    if (failed(manager.run(*module)))
      throw Error("phase lower failed");
  }

  cuda::CudaProgram lowerToCuda() {
    cuda::CudaOptions cudaOptions;
    if (!options.gpuArchs.empty())
      cudaOptions.archs = options.gpuArchs;
    cudaOptions.kernelIr = options.emitKernelIr;
    cudaOptions.ptxas = options.ptxas;
    FailureOr<cuda::CudaProgram> program = failure();
    std::string problem; // of an option or of an op in a kernel, which have no place in a file
    {
      ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
        const bool ofOption = isa<UnknownLoc>(diagnostic.getLocation()) && problem.empty();
        if (ofOption)
          problem = diagnostic.str();
        return success(ofOption);
      });
      program = cuda::compileForCuda(*module, cudaOptions);
    }
    if (failed(program))
      throw Error(problem.empty() ? "phase lower failed" : problem);
    if (!options.quiet)
      reportGpu(*program);
    return std::move(*program);
  }

  // What each GPU must hold, and who assembled the kernels.
  void reportGpu(const cuda::CudaProgram &program) {
    auto megabytes = [](int64_t bytes) { return double(bytes) / 1e6; };
    const cpu::CpuProgram &host = program.host;
    llvm::errs() << llvm::format(
        "tp-compile: each GPU needs %.1f MB: weights %.1f, cache %.1f, arena %.1f, GEMM workspace %.1f, NCCL %.1f\n",
        megabytes(host.weightBytes + host.stateBytes + host.arenaBytes + program.workspaceBytes + program.ncclBytes),
        megabytes(host.weightBytes), megabytes(host.stateBytes), megabytes(host.arenaBytes),
        megabytes(program.workspaceBytes), megabytes(program.ncclBytes));
    if (program.ptxas.empty())
      llvm::errs() << "tp-compile: no ptxas (looked at $TP_PTXAS, PATH, /usr/local/cuda/bin): the package has PTX "
                      "alone, which the driver "
                      "assembles at load\n";
  }

  cpu::CpuProgram lowerToCpu() {
    cpu::CpuOptions cpuOptions;
    cpuOptions.cpu = options.cpu;
    FailureOr<cpu::CpuProgram> program = cpu::compileForCpu(*module, cpuOptions);
    if (failed(program))
      throw Error("phase lower failed");
    return std::move(*program);
  }

  void package(const cpu::CpuProgram &program, const cuda::CudaProgram *cudaProgram) {
    PackageInputs inputs{program, (*module->getOps<MeshOp>().begin()).getMesh(), weightShards(*module)};
    inputs.withWeights = !options.noWeights;
    inputs.checkpoint = checkpoint.get();
    if (checkpoint) {
      inputs.model = PackageModel::from(checkpoint->config());
      inputs.tokenizer = tokenizerText(
          *checkpoint, [](const std::string &warning) { llvm::errs() << "tp-compile: warning: " << warning << "\n"; });
    }
    inputs.model.kind = kind;
    inputs.model.dtype = options.bf16 ? "bf16" : "f32";
    inputs.batch = options.batch;
    inputs.maxSeq = maxSeq;
    inputs.cuda = cudaProgram;
    bool terminal = llvm::sys::Process::StandardErrIsDisplayed() && !options.quiet;
    writePackage(inputs, options.output, [&](int64_t done, int64_t total) {
      if (terminal)
        llvm::errs() << llvm::format("\rtp-compile: weights %5.0f of %.0f MB%s", done / 1e6, total / 1e6,
                                     done == total ? "\n" : "");
    });
  }

  const CompileOptions &options;
  std::string strategy; // as options have it, or none for an annotated program
  MLIRContext context;
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics;
  std::unique_ptr<Checkpoint> checkpoint;
  OwningOpRef<ModuleOp> module, whole;
  int64_t maxSeq = 0;
  std::string kind = "decoder";
};
} // namespace

void tp::compile(const CompileOptions &options) { Compilation(options).run(); }
