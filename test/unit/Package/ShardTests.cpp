// The parameters of a partitioned module.
#include "TestPackage.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace tp;
using namespace tp::test;

namespace {

class Shards : public testing::Test {
protected:
  Shards() { context.loadDialect<TpDialect, func::FuncDialect>(); }

  OwningOpRef<ModuleOp> parse(const std::string &functions) {
    std::string text = "module attributes {tp.partitioned} {\n  tp.mesh @mesh <[\"tp\" = 2]>\n" + functions + "\n}\n";
    return parseSourceString<ModuleOp>(text, &context);
  }
  static std::string function(const std::string &name, const std::string &argument) {
    return "  func.func @" + name + "(%w: " + argument + ") { return }\n";
  }
  MLIRContext context;
};

const char *up =
    R"(tensor<48x40xf32> {tp.parameter = "up", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>, tp.global_type = tensor<96x40xf32>})";

TEST_F(Shards, areFoundOnceAndInOrder) {
  std::string bias =
      R"(tensor<20xf32> {tp.parameter = "bias", tp.sharding = #tp.sharding<@mesh, [{"tp"}]>, tp.global_type = tensor<40xf32>})";
  auto module =
      parse(function("prefill", up) + function("decode", std::string(up) + ", %b: " + bias + ", %x: tensor<4xf32>"));
  ASSERT_TRUE(module);
  std::vector<WeightShard> shards = weightShards(*module);
  ASSERT_EQ(shards.size(), 2u);
  EXPECT_EQ(shards[0].name, "up");
  EXPECT_EQ(shards[0].shape, (std::vector<int64_t>{96, 40}));
  EXPECT_EQ(shards[0].sharding.dims[0].axes.size(), 1u);
  EXPECT_EQ(shards[1].name, "bias");
}

TEST_F(Shards, refuseTwoLayoutsOfOneParameter) {
  std::string other = up;
  other.replace(other.find("{\"tp\"}, {}"), 10, "{}, {\"tp\"}");
  auto module = parse(function("prefill", up) + function("decode", other));
  ASSERT_TRUE(module);
  expectContains(errorOf([&] { weightShards(*module); }), "parameter 'up' of function 'decode'");
}

TEST_F(Shards, refuseAModuleThatIsNotPartitioned) {
  auto module = parse(function("prefill", R"(tensor<48x40xf32> {tp.parameter = "up"})"));
  ASSERT_TRUE(module);
  expectContains(errorOf([&] { weightShards(*module); }), "expected tp.sharding and tp.global_type");
  OwningOpRef<ModuleOp> empty = parseSourceString<ModuleOp>("module {}", &context);
  expectContains(errorOf([&] { weightShards(*empty); }), "expected one tp.mesh in the module, found 0");
}

} // namespace
