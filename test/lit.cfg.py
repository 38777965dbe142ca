# Configuration of the tests of passes and tools: lit + FileCheck.
#   lit --param build=build test           (scripts/test lit does this)
import os

import lit.formats

config.name = "tp-opt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "communication", "e2e", "python", "reference", "runtime", "unit"]
config.test_source_root = os.path.dirname(__file__)

root = os.path.dirname(config.test_source_root)
build = os.path.abspath(lit_config.params.get("build", os.path.join(root, "build")))
config.test_exec_root = os.path.join(build, "test", "lit")
tools = [os.path.join(build, "bin"), "/usr/lib/llvm-22/bin"]
config.environment["PATH"] = os.pathsep.join(tools + [os.environ["PATH"]])
config.substitutions.append(("%examples", os.path.join(root, "docs", "examples")))
