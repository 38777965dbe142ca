#include "Graph.h"

#include "tp/Sharding/MeshLookup.h"

using namespace mlir;
using namespace tp;

int Graph::nodeOf(Value value) const {
  auto it = values.find(value);
  return it == values.end() ? -1 : (int)it->second;
}

int Graph::resultNode(func::FuncOp function, unsigned index) const {
  auto it = results.find({function.getOperation(), index});
  return it == results.end() ? -1 : (int)it->second;
}

namespace {
// What a parameter or state is to the program: its type, what is stated of it, and the arguments and results of
// functions that it is passed to and from. Equal layers are calls of one function, so their weights have equal roles.
using Role = std::vector<std::pair<const void *, unsigned>>;

class Roles {
public:
  Roles(ModuleOp module) {
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal())
        add(function);
    for (auto &[name, role] : roles) {
      llvm::sort(role);
      role.erase(llvm::unique(role), role.end());
    }
  }

  // Null where the attributes name no parameter or state.
  const Role *find(DictionaryAttr attributes) const {
    auto it = roles.find(nameOf(attributes));
    return it == roles.end() ? nullptr : &it->second;
  }

private:
  using Name = std::pair<Attribute, unsigned>; // 0: a parameter's, 1: a state's

  static Name nameOf(DictionaryAttr attributes) {
    Attribute parameter = attributes ? attributes.get(kParameter) : Attribute();
    return parameter || !attributes ? Name(parameter, 0) : Name(attributes.get(kState), 1);
  }

  void add(func::FuncOp function) {
    for (BlockArgument argument : function.getArguments())
      if (Role *role = describe(function.getArgAttrDict(argument.getArgNumber()), argument.getType()))
        for (OpOperand &use : argument.getUses())
          pass(*role, use.getOwner(), use.getOperandNumber(), argument);
    Operation *end = function.getBody().back().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands()))
      if (Role *role = describe(function.getResultAttrDict(i), value.getType()))
        pass(*role, value.getDefiningOp(), isa<OpResult>(value) ? ~cast<OpResult>(value).getResultNumber() : 0, value);
  }

  Role *describe(DictionaryAttr attributes, Type type) {
    Name name = nameOf(attributes);
    if (!name.first)
      return nullptr;
    Role &role = roles[name];
    role.push_back({type.getAsOpaquePointer(), 0});
    if (Attribute stated = attributes.get(kSharding))
      role.push_back({stated.getAsOpaquePointer(), 0});
    return &role;
  }

  // `index`: of an argument, or the complement of a result's. What is no call's is like no other.
  static void pass(Role &role, Operation *op, unsigned index, Value value) {
    if (auto call = dyn_cast_or_null<func::CallOp>(op))
      role.push_back({call.getCalleeAttr().getAsOpaquePointer(), index});
    else
      role.push_back({value.getAsOpaquePointer(), 0});
  }

  llvm::DenseMap<Name, Role> roles;
};
} // namespace

namespace tp {
struct GraphBuilder {
  Graph &graph;
  ModuleOp module;
  Roles roles;
  std::map<Role, unsigned> named; // parameters and states
  std::vector<std::pair<scf::ForOp, unsigned>> carried;
  llvm::DenseMap<Type, const ShardingRule *> identities;
  llvm::DenseSet<std::pair<unsigned, unsigned>> identical; // nodes that have an edge

  GraphBuilder(Graph &graph, ModuleOp module) : graph(graph), module(module), roles(module) {}

  std::optional<unsigned> addNode(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (type.isIntOrIndexOrFloat())
      tensor = RankedTensorType::get({}, type);
    if (!tensor)
      return std::nullopt;
    graph.nodes.push_back({tensor, Sharding::open(tensor.getRank()), false, nullptr, {}});
    return graph.nodes.size() - 1;
  }

  LogicalResult state(unsigned node, Attribute attribute, Operation *op) {
    auto sharding = dyn_cast_or_null<ShardingAttr>(attribute);
    if (!sharding)
      return success();
    if (sharding.getMesh() != graph.meshName)
      return op->emitOpError() << "expected all shardings on mesh " << graph.meshName << ", found "
                               << sharding.getMesh();
    Node &n = graph.nodes[node];
    if (n.stated && Sharding::from(sharding).dims != n.sharding.dims)
      return (op->emitOpError() << "a parameter or state is annotated with different shardings in different functions")
                 .attachNote(n.statedBy->getLoc())
             << "the other annotation is here";
    n.sharding = Sharding::from(sharding);
    n.stated = true;
    n.statedBy = op;
    return success();
  }

  // The node of an argument or result; those of parameters or states in the same role share one.
  std::optional<unsigned> slotNode(Type type, DictionaryAttr attributes) {
    const Role *role = roles.find(attributes);
    if (!role)
      return addNode(type);
    auto it = named.find(*role);
    if (it != named.end())
      return it->second;
    std::optional<unsigned> node = addNode(type);
    if (node)
      named[*role] = *node;
    return node;
  }

  LogicalResult addFunction(func::FuncOp function) {
    if (function.isExternal())
      return success();
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      std::optional<unsigned> node = slotNode(function.getArgumentTypes()[i], function.getArgAttrDict(i));
      if (!node)
        continue;
      graph.values[function.getArgument(i)] = *node;
      if (failed(state(*node, function.getArgAttr(i, kSharding), function)))
        return failure();
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      std::optional<unsigned> node = slotNode(function.getResultTypes()[i], function.getResultAttrDict(i));
      if (!node)
        continue;
      graph.results[{function.getOperation(), i}] = *node;
      if (failed(state(*node, function.getResultAttr(i, kSharding), function)))
        return failure();
    }
    return success();
  }

  void connect(Operation *op, const ShardingRule &rule, ArrayRef<unsigned> operands, ArrayRef<unsigned> results) {
    Edge edge{rule, SmallVector<unsigned, 4>(operands), (unsigned)operands.size(), op, false};
    edge.nodes.append(results.begin(), results.end());
    for (unsigned node : edge.nodes)
      if (graph.nodes[node].edges.empty() || graph.nodes[node].edges.back() != graph.edges.size())
        graph.nodes[node].edges.push_back(graph.edges.size());
    graph.edges.push_back(std::move(edge));
  }

  void identity(Operation *op, int from, int to) {
    if (from < 0 || to < 0 || from == to || !identical.insert({from, to}).second)
      return;
    connect(op, identityOf(graph.nodes[from].type), {(unsigned)from}, {(unsigned)to});
    graph.edges.back().identity = true;
  }

  const ShardingRule &identityOf(RankedTensorType type) {
    const ShardingRule *&known = identities[type];
    if (!known) {
      ShardingRule rule;
      TensorFactors dims;
      for (int64_t size : type.getShape())
        dims.push_back({{rule.addFactor(size)}, 1});
      rule.operands = {dims};
      rule.results = {dims};
      known = &graph.rules.emplace_back(std::move(rule));
    }
    return *known;
  }

  LogicalResult addCall(func::CallOp call) {
    auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
    if (!callee || callee.isExternal())
      return call.emitOpError() << "expected a function with a body, found " << call.getCallee();
    for (auto [i, operand] : llvm::enumerate(call.getOperands()))
      identity(call, graph.nodeOf(operand), graph.nodeOf(callee.getArgument(i)));
    for (auto [i, result] : llvm::enumerate(call.getResults()))
      identity(call, graph.resultNode(callee, i), graph.nodeOf(result));
    return success();
  }

  // A value that a loop carries has one sharding from iteration to iteration: the node of the loop's result.
  LogicalResult addLoop(scf::ForOp loop) {
    graph.values[loop.getInductionVar()] = *addNode(loop.getInductionVar().getType());
    for (auto [i, result] : llvm::enumerate(loop.getResults())) {
      int node = graph.nodeOf(result);
      if (node < 0)
        return loop.emitOpError() << "expected to carry tensors or numbers, found " << result.getType();
      graph.values[loop.getRegionIterArg(i)] = node;
      identity(loop, graph.nodeOf(loop.getInitArgs()[i]), node);
      carried.push_back({loop, i});
    }
    return success();
  }

  LogicalResult addOp(Operation *op) {
    for (Value result : op->getResults())
      if (std::optional<unsigned> node = addNode(result.getType()))
        graph.values[result] = *node;
    if (auto shardings = op->getAttrOfType<ArrayAttr>(kShardings))
      for (auto [result, sharding] : llvm::zip(op->getResults(), shardings))
        if (int node = graph.nodeOf(result); node >= 0 && failed(state(node, sharding, op)))
          return failure();
    if (auto call = dyn_cast<func::CallOp>(op))
      return addCall(call);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return addLoop(loop);
    if (isa<scf::YieldOp>(op))
      return success(); // with its loop
    if (auto ret = dyn_cast<func::ReturnOp>(op)) {
      for (auto [i, operand] : llvm::enumerate(ret.getOperands()))
        identity(op, graph.nodeOf(operand), graph.resultNode(ret->getParentOfType<func::FuncOp>(), i));
      return success();
    }
    if (auto constraint = dyn_cast<ShardingConstraintOp>(op))
      if (failed(state(graph.nodeOf(constraint.getResult()), constraint.getSharding(), op)))
        return failure();
    std::optional<ShardingRule> rule = getShardingRule(op);
    if (!rule) {
      if (!isa<MeshOp>(op))
        op->emitWarning() << "no sharding rule for " << op->getName() << ": its operands and results stay whole";
      return success();
    }
    SmallVector<unsigned> operands, results;
    for (Value value : llvm::concat<Value>(llvm::to_vector(op->getOperands()), llvm::to_vector(op->getResults())))
      if (graph.nodeOf(value) < 0)
        return op->emitOpError() << "expected tensors or numbers, found " << value.getType();
    for (Value operand : op->getOperands())
      operands.push_back(graph.nodeOf(operand));
    for (Value result : op->getResults())
      results.push_back(graph.nodeOf(result));
    connect(op, graph.rules.emplace_back(std::move(*rule)), operands, results);
    return success();
  }
};
} // namespace tp

FailureOr<Graph> Graph::build(ModuleOp module) {
  Graph graph;
  FailureOr<MeshOp> mesh = onlyMesh(module);
  if (failed(mesh))
    return failure();
  graph.mesh = mesh->getMesh();
  graph.meshName = FlatSymbolRefAttr::get(mesh->getSymNameAttr());
  GraphBuilder builder(graph, module);
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(builder.addFunction(function)))
      return failure();
  for (auto function : module.getOps<func::FuncOp>()) {
    WalkResult walk = function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op == function)
        return WalkResult::advance();
      if (failed(builder.addOp(op)))
        return WalkResult::interrupt();
      // Of ops with regions, only a loop's body holds values of the program.
      return isa<scf::ForOp>(op) ? WalkResult::advance() : WalkResult::skip();
    });
    if (walk.wasInterrupted())
      return failure();
    // The body of a loop is built by now.
    for (auto [loop, i] : builder.carried)
      builder.identity(loop.getBody()->getTerminator(), graph.nodeOf(loop.getYieldedValues()[i]),
                       graph.nodeOf(loop.getResult(i)));
    builder.carried.clear();
  }
  return graph;
}
