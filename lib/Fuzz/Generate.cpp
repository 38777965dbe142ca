// Puts random ops together: functions, loops, calls and annotations.
#include "Program.h"
#include "tp/Fuzz/Fuzz.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace tp::fuzz;

namespace {
class Generator {
public:
  Generator(uint64_t seed, llvm::ArrayRef<std::string> names) : p(seed), names(names) {}
  std::string run();

private:
  bool isWanted(llvm::StringRef name) const {
    return names.empty() || llvm::any_of(names, [&](llvm::StringRef prefix) { return name.starts_with(prefix); });
  }
  void chooseOps();
  void makeOps(int64_t count);
  bool makeLoop();
  bool makeCall();
  std::string returned();
  std::string function(llvm::StringRef head);

  Program p;
  llvm::ArrayRef<std::string> names;
  std::vector<const OpKind *> ops; // each as often as its weight says
  unsigned loopWeight = 0, callWeight = 0, callees = 0;
};
} // namespace

// Two programs of three have only ops that are exact on integers.
void Generator::chooseOps() {
  bool isExact = p.chance(0.67), hasLinalg = p.chance(0.6), hasTp = !hasLinalg || p.chance(0.4);
  auto add = [&](llvm::ArrayRef<OpKind> kinds) {
    for (const OpKind &kind : kinds)
      if (isWanted(kind.name) && (kind.isExact || !isExact))
        ops.insert(ops.end(), kind.weight, &kind);
  };
  if (hasTp || !names.empty()) {
    add(tpOps());
    add(familyOps());
  }
  if (hasLinalg || !names.empty())
    add(linalgOps());
  add(elementwiseOps());
  add(tensorOps());
  if (ops.empty())
    for (llvm::ArrayRef<OpKind> kinds : {tpOps(), familyOps(), linalgOps()})
      for (const OpKind &kind : kinds)
        if (isWanted(kind.name))
          ops.push_back(&kind);
  loopWeight = isWanted("scf.for") ? 2 : 0;
  callWeight = isWanted("func.call") ? 2 : 0;
}

void Generator::makeOps(int64_t count) {
  for (int64_t tries = 0; count > 0 && tries < 50; ++tries) {
    int64_t choice = p.below(ops.size() + loopWeight + callWeight);
    if (choice < static_cast<int64_t>(ops.size()))
      count -= ops[choice]->make(p);
    else if (p.depth < 2)
      count -= choice < static_cast<int64_t>(ops.size() + loopWeight) ? makeLoop() : makeCall();
  }
}

// Carried values are clamped to the bound of their first ones, whatever the body does.
bool Generator::makeLoop() {
  std::vector<Value> first;
  for (int64_t i = 0, n = p.between(1, 2); i < n; ++i) {
    Value value = p.any(1);
    if (value.bound > 16)
      return false;
    first.push_back(value);
  }
  std::string c0 = p.emitHidden("arith.constant 0 : index"), c1 = p.emitHidden("arith.constant 1 : index");
  std::string cn = p.emitHidden("arith.constant " + std::to_string(p.between(0, 3)) + " : index");
  std::vector<Value> before = p.values;
  std::vector<std::string> carried, types;
  for (const Value &value : first) {
    std::string name = p.fresh();
    p.values.push_back({name, value.shape, value.element, 16});
    carried.push_back(name + " = " + value.name);
    types.push_back(value.type());
  }
  std::string result = p.fresh(), several = first.size() > 1 ? ":" + std::to_string(first.size()) : "";
  p.line(result + several + " = scf.for " + p.fresh() + " = " + c0 + " to " + cn + " step " + c1 + " iter_args(" +
         llvm::join(carried, ", ") + ") -> (" + llvm::join(types, ", ") + ") {");
  p.indent += 2;
  ++p.depth;
  makeOps(p.between(1, 3));
  std::vector<std::string> yielded;
  for (const Value &value : first) {
    Value next = p.valueOr(value.shape);
    std::string low = p.emitHidden("arith.constant dense<-16.0> : " + value.type());
    std::string high = p.emitHidden("arith.constant dense<16.0> : " + value.type());
    std::string atLeast = p.emitHidden("arith.maximumf " + next.name + ", " + low + " : " + value.type());
    yielded.push_back(p.emitHidden("arith.minimumf " + atLeast + ", " + high + " : " + value.type()));
  }
  p.line("scf.yield " + llvm::join(yielded, ", ") + " : " + llvm::join(types, ", "));
  --p.depth;
  p.indent -= 2;
  p.line("}");
  // What is known behind the loop: what was before, new arguments, and its results.
  p.values.erase(p.values.begin() + before.size(), p.values.end());
  for (const Value &argument : p.arguments)
    if (argument.element != Element::Indices &&
        llvm::none_of(before, [&](const Value &value) { return value.name == argument.name; }))
      p.values.push_back(argument);
  for (auto [i, value] : llvm::enumerate(first))
    p.values.push_back({result + (several.empty() ? "" : "#" + std::to_string(i)), value.shape, value.element, 16});
  return true;
}

// Chooses what a function returns; `return` and the types with their annotations.
std::string Generator::returned() {
  std::vector<std::string> names, types, annotated;
  for (int64_t i = 0, n = std::min<int64_t>(p.between(1, 3), p.values.size()); i < n; ++i) {
    const Value &value = i == 0 ? p.values.back() : p.values[p.below(p.values.size())];
    names.push_back(value.name);
    types.push_back(value.type());
    annotated.push_back(value.type() + p.annotation(value, true));
  }
  p.line("return " + llvm::join(names, ", ") + " : " + llvm::join(types, ", "));
  return "(" + llvm::join(annotated, ", ") + ")";
}

std::string Generator::function(llvm::StringRef head) {
  std::string results = returned();
  return head.str() + "(" + p.signature + ") -> " + results + " {\n" + p.body + "}\n";
}

bool Generator::makeCall() {
  // The callee is written in a state of its own.
  struct State {
    std::vector<Value> arguments, values;
    std::string signature, body;
    unsigned indent, depth, next;
  } outer{p.arguments, p.values, p.signature, p.body, p.indent, p.depth, p.next};
  std::string name = "@f" + std::to_string(callees++);
  p.arguments.clear(), p.values.clear(), p.signature.clear(), p.body.clear();
  p.indent = 2, p.depth = 2;
  makeOps(p.between(1, 3));
  bool isEmpty = p.values.empty() || p.arguments.empty();
  Value result = isEmpty ? Value() : p.values.back();
  std::vector<Value> parameters = p.arguments;
  if (!isEmpty) {
    p.line("return " + result.name + " : " + result.type());
    p.functions += "func.func private " + name + "(" + p.signature + ") -> (" + result.type() +
                   p.annotation(result, true) + ") {\n" + p.body + "}\n";
  }
  p.arguments = outer.arguments, p.values = outer.values, p.signature = outer.signature, p.body = outer.body;
  p.indent = outer.indent, p.depth = outer.depth, p.next = outer.next;
  if (isEmpty)
    return false;
  for (int64_t i = 0, n = p.between(1, 2); i < n; ++i) {
    std::vector<std::string> operands, types;
    for (const Value &parameter : parameters) {
      Value value;
      if (parameter.element == Element::Indices) {
        value = p.indices(parameter.shape);
      } else {
        std::optional<Value> found = p.pick([&](const Value &v) {
          return v.shape == parameter.shape && v.element == parameter.element && v.bound <= parameter.bound;
        });
        value = found ? *found : p.argument(parameter.shape, parameter.element);
      }
      operands.push_back(value.name);
      types.push_back(value.type());
    }
    p.emit("func.call " + name + "(" + llvm::join(operands, ", ") + ") : (" + llvm::join(types, ", ") + ") -> " +
               result.type(),
           result.shape, result.element, result.bound);
  }
  return true;
}

std::string Generator::run() {
  p.chooseMesh();
  p.chooseSizes();
  chooseOps();
  if (ops.empty())
    return "";
  makeOps(p.between(1, 8));
  if (p.values.empty())
    p.any(1);
  std::string main = function("func.func @main");
  std::vector<std::string> axes;
  for (auto &[name, size] : p.mesh)
    axes.push_back("\"" + name + "\" = " + std::to_string(size));
  return "tp.mesh @mesh <[" + llvm::join(axes, ", ") + "]>\n" + p.functions + main;
}

std::string tp::fuzz::generate(uint64_t seed, llvm::ArrayRef<std::string> ops) { return Generator(seed, ops).run(); }
