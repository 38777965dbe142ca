#include "tp/Dialect/Tp.h"
#include "tp/Sharding/Geometry.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace tp;

#include "tp/Dialect/TpEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "tp/Dialect/TpAttrs.cpp.inc"

void TpDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "tp/Dialect/TpAttrs.cpp.inc"
      >();
}

//===-- mesh
//-----------------------------------------------------------------------------------------------------------------------===//

std::optional<int64_t> MeshAttr::sizeOf(StringAttr axis) const {
  for (auto [name, size] : llvm::zip(getAxes(), getSizes()))
    if (name == axis)
      return size;
  return std::nullopt;
}

int64_t MeshAttr::sizeOf(ArrayRef<StringAttr> axes) const {
  int64_t size = 1;
  for (StringAttr axis : axes)
    size *= sizeOf(axis).value_or(1);
  return size;
}

int64_t MeshAttr::devices() const { return sizeOf(getAxes()); }

Attribute MeshAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  SMLoc loc = parser.getCurrentLocation();
  auto parseAxis = [&]() -> ParseResult {
    std::string name;
    if (parser.parseString(&name) || parser.parseEqual() || parser.parseInteger(sizes.emplace_back()))
      return failure();
    axes.push_back(StringAttr::get(parser.getContext(), name));
    return success();
  };
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<MeshAttr>(loc, parser.getContext(), axes, sizes);
}

void MeshAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(llvm::zip(getAxes(), getSizes()), printer,
                        [&](auto axis) { printer << std::get<0>(axis) << " = " << std::get<1>(axis); });
  printer << "]>";
}

LogicalResult MeshAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<StringAttr> axes,
                               ArrayRef<int64_t> sizes) {
  int64_t devices = 1;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (axis.empty() || llvm::is_contained(axes.take_front(i), axis))
      return emitError() << "expected unique axis names, found " << axis << " again";
    if (sizes[i] < 1)
      return emitError() << "expected a size of at least 1 for axis " << axis << ", found " << sizes[i];
    // Reshards are planned device by device.
    if (sizes[i] > (1 << 17) / devices)
      return emitError() << "expected at most " << (1 << 17) << " devices";
    devices *= sizes[i];
  }
  return success();
}

//===-- split
//----------------------------------------------------------------------------------------------------------------------===//

// Parses `{"a", unit = 64, ?}` and an optional priority `p1`.
static ParseResult parseSplit(AsmParser &parser, SplitAttr &result) {
  SmallVector<StringAttr> axes;
  bool closed = true;
  int64_t unit = 1, repeat = 1, priority = 0, outer = 1;
  SmallVector<int64_t> sections;
  SMLoc loc = parser.getCurrentLocation();
  auto parseElement = [&]() -> ParseResult {
    std::string axis;
    SMLoc at = parser.getCurrentLocation();
    if (succeeded(parser.parseOptionalQuestion())) {
      closed = false;
    } else if (succeeded(parser.parseOptionalKeyword("unit"))) {
      return failure(parser.parseEqual() || parser.parseInteger(unit));
    } else if (succeeded(parser.parseOptionalKeyword("repeat"))) {
      return failure(parser.parseEqual() || parser.parseInteger(repeat));
    } else if (succeeded(parser.parseOptionalKeyword("outer"))) {
      return failure(parser.parseEqual() || parser.parseInteger(outer));
    } else if (succeeded(parser.parseOptionalKeyword("sections"))) {
      return failure(parser.parseEqual() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseInteger(sections.emplace_back());
      }));
    } else if (succeeded(parser.parseOptionalString(&axis))) {
      axes.push_back(StringAttr::get(parser.getContext(), axis));
      if (llvm::is_contained(ArrayRef(axes).drop_back(), axes.back()))
        return parser.emitError(at) << "axis " << axes.back() << " is used twice";
    } else {
      return parser.emitError(at, "expected an axis name in quotes, 'unit', 'repeat', 'outer', 'sections' or '?'");
    }
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, parseElement))
    return failure();
  StringRef keyword;
  SMLoc at = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword(&keyword)) &&
      (!keyword.consume_front("p") || keyword.getAsInteger(10, priority) || priority < 0 || priority > 9))
    return parser.emitError(at, "expected a priority, p0 to p9");
  result =
      parser.getChecked<SplitAttr>(loc, parser.getContext(), axes, closed, unit, repeat, priority, outer, sections);
  return success(result != nullptr);
}

static void printSplit(AsmPrinter &printer, SplitAttr split) {
  printer << "{";
  StringRef separator = "";
  auto next = [&]() -> raw_ostream & {
    printer << separator;
    separator = ", ";
    return printer.getStream();
  };
  for (StringAttr axis : split.getAxes())
    next() << axis;
  if (split.getUnit() != 1)
    next() << "unit = " << split.getUnit();
  if (split.getRepeat() != 1)
    next() << "repeat = " << split.getRepeat();
  if (split.getOuter() != 1)
    next() << "outer = " << split.getOuter();
  if (!split.getSections().empty()) {
    next() << "sections = [";
    llvm::interleaveComma(split.getSections(), printer);
    printer << "]";
  }
  if (!split.getClosed())
    next() << "?";
  printer << "}";
  if (split.getPriority() != 0)
    printer << "p" << split.getPriority();
}

Attribute SplitAttr::parse(AsmParser &parser, Type) {
  SplitAttr split;
  if (parser.parseLess() || parseSplit(parser, split) || parser.parseGreater())
    return {};
  return split;
}

void SplitAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printSplit(printer, *this);
  printer << ">";
}

LogicalResult SplitAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<StringAttr> axes, bool,
                                int64_t unit, int64_t repeat, int64_t, int64_t outer, ArrayRef<int64_t> sections) {
  for (auto [i, axis] : llvm::enumerate(axes))
    if (llvm::is_contained(axes.take_front(i), axis))
      return emitError() << "axis " << axis << " is used twice";
  if (unit < 1 || repeat < 1 || outer < 1)
    return emitError() << "expected 'unit', 'repeat' and 'outer' of at least 1";
  if (sections.empty())
    return success();
  int64_t divisor = 0, sum = 0;
  for (int64_t section : sections) {
    if (section < 1 || section > std::numeric_limits<int64_t>::max() - sum)
      return emitError() << (section < 1 ? "expected sections of at least 1, found " : "sections are too large: ")
                         << section;
    divisor = std::gcd(divisor, section);
    sum += section;
  }
  if (divisor > 1 || llvm::all_equal(sections))
    return emitError() << "expected sections of different sizes without a common divisor ('outer' is for equal parts)";
  return success();
}

//===-- sharding
//-------------------------------------------------------------------------------------------------------------------===//

// Parses `{"a", "b"}`.
static ParseResult parseAxes(AsmParser &parser, SmallVectorImpl<StringAttr> &axes) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, [&]() -> ParseResult {
    std::string name;
    if (parser.parseString(&name))
      return failure();
    axes.push_back(StringAttr::get(parser.getContext(), name));
    return success();
  });
}

static void printAxes(AsmPrinter &printer, ArrayRef<StringAttr> axes) {
  printer << "{";
  llvm::interleaveComma(axes, printer);
  printer << "}";
}

Attribute ShardingAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringAttr mesh;
  SmallVector<SplitAttr> dims;
  SmallVector<StringAttr> replicated, partial;
  ReduceKind reduce = ReduceKind::Sum;
  auto parseDim = [&]() { return parseSplit(parser, dims.emplace_back()); };
  if (parser.parseLess() || parser.parseSymbolName(mesh) || parser.parseComma() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDim))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (succeeded(parser.parseOptionalKeyword("replicated"))) {
      if (parser.parseEqual() || parseAxes(parser, replicated))
        return {};
      continue;
    }
    StringRef kind;
    if (parser.parseKeyword("partial", " or 'replicated'") || parser.parseEqual())
      return {};
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&kind))
      return {};
    std::optional<ReduceKind> parsed = symbolizeReduceKind(kind);
    if (!parsed) {
      parser.emitError(at) << "expected 'sum' or 'max', found '" << kind << "'";
      return {};
    }
    reduce = *parsed;
    if (parseAxes(parser, partial))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ShardingAttr>(loc, parser.getContext(), FlatSymbolRefAttr::get(mesh), dims, replicated,
                                         partial, reduce);
}

void ShardingAttr::print(AsmPrinter &printer) const {
  printer << "<" << getMesh() << ", [";
  llvm::interleaveComma(getDims(), printer, [&](SplitAttr split) { printSplit(printer, split); });
  printer << "]";
  if (!getReplicated().empty()) {
    printer << ", replicated = ";
    printAxes(printer, getReplicated());
  }
  if (isPartial()) {
    printer << ", partial = " << stringifyReduceKind(getReduce()) << " ";
    printAxes(printer, getPartial());
  }
  printer << ">";
}

LogicalResult ShardingAttr::verify(function_ref<InFlightDiagnostic()> emitError, FlatSymbolRefAttr,
                                   ArrayRef<SplitAttr> dims, ArrayRef<StringAttr> replicated,
                                   ArrayRef<StringAttr> partial, ReduceKind) {
  SmallVector<StringAttr> used;
  auto use = [&](ArrayRef<StringAttr> axes) -> LogicalResult {
    for (StringAttr axis : axes) {
      if (llvm::is_contained(used, axis))
        return emitError() << "axis " << axis << " is used twice";
      used.push_back(axis);
    }
    return success();
  };
  for (SplitAttr split : dims)
    if (failed(use(split.getAxes())))
      return failure();
  return success(succeeded(use(replicated)) && succeeded(use(partial)));
}

LogicalResult ShardingAttr::verifyFor(function_ref<InFlightDiagnostic()> emitError, MeshAttr mesh, Type type) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return emitError() << "expected a tensor with a static shape, found " << type;
  if (tensor.getRank() != (int64_t)getDims().size())
    return emitError() << "sharding has " << getDims().size() << " dimensions, the tensor has " << tensor.getRank();
  auto known = [&](ArrayRef<StringAttr> axes) -> LogicalResult {
    for (StringAttr axis : axes)
      if (!mesh.sizeOf(axis))
        return emitError() << "axis " << axis << " is not in mesh " << getMesh() << " " << mesh;
    return success();
  };
  for (auto [i, split] : llvm::enumerate(getDims())) {
    if (failed(known(split.getAxes())))
      return failure();
    int64_t size = tensor.getDimSize(i);
    if (size % split.getOuter() != 0)
      return emitError() << "outer " << split.getOuter() << " does not divide dimension " << i << " of size " << size;
    size /= split.getOuter();
    if (int64_t sum = llvm::sum_of(split.getSections()); sum > 0) {
      if (size % sum != 0)
        return emitError() << "sections of " << sum << " elements in all do not divide dimension " << i << " of size "
                           << size;
      size /= sum;
    }
    if (size % split.getUnit() != 0)
      return emitError() << "unit " << split.getUnit() << " does not divide dimension " << i << " of size " << size;
  }
  return success(succeeded(known(getReplicated())) && succeeded(known(getPartial())));
}

//===-- rotary
//---------------------------------------------------------------------------------------------------------------------===//

Attribute RotaryAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  double base = 10000, factor = 1, low = 1, high = 4;
  int64_t dim = 0, context = 0;
  bool interleaved = false;
  StringRef scaling;
  auto parseElement = [&]() -> ParseResult {
    StringRef key;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&key))
      return failure();
    if (key == "interleaved") {
      interleaved = true;
      return success();
    }
    if (key == "linear" || key == "llama3" || key == "yarn") {
      scaling = key;
      return success();
    }
    if (key == "dim" || key == "context")
      return failure(parser.parseEqual() || parser.parseInteger(key == "dim" ? dim : context));
    double *number = key == "base"     ? &base
                     : key == "factor" ? &factor
                     : key == "low"    ? &low
                     : key == "high"   ? &high
                                       : nullptr;
    if (!number)
      return parser.emitError(at,
                              "expected base, dim, interleaved, linear, llama3, yarn, factor, low, high or context");
    return failure(parser.parseEqual() || parser.parseFloat(*number));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseElement))
    return {};
  return parser.getChecked<RotaryAttr>(loc, parser.getContext(), APFloat(base), dim, interleaved,
                                       StringAttr::get(parser.getContext(), scaling), APFloat(factor), APFloat(low),
                                       APFloat(high), context);
}

void RotaryAttr::print(AsmPrinter &printer) const {
  printer << "<base = ";
  printer.printFloat(getBase());
  if (getDim())
    printer << ", dim = " << getDim();
  if (getInterleaved())
    printer << ", interleaved";
  if (!getScaling().empty()) {
    printer << ", " << getScaling().getValue() << ", factor = ";
    printer.printFloat(getFactor());
    if (getScaling() != "linear") {
      printer << ", low = ";
      printer.printFloat(getLow());
      printer << ", high = ";
      printer.printFloat(getHigh());
      printer << ", context = " << getOriginalContext();
    }
  }
  printer << ">";
}

LogicalResult RotaryAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat base, int64_t dim, bool,
                                 StringAttr scaling, APFloat factor, APFloat low, APFloat high, int64_t context) {
  if (!(base.convertToDouble() > 0))
    return emitError() << "expected a positive base";
  if (dim < 0 || dim % 2)
    return emitError() << "expected an even dim, found " << dim;
  if (!(factor.convertToDouble() > 0))
    return emitError() << "expected a positive factor";
  if ((scaling == "llama3" || scaling == "yarn") &&
      !(low.convertToDouble() > 0 && high.convertToDouble() > low.convertToDouble() && context > 0))
    return emitError() << "expected high > low > 0 and context > 0 with " << scaling.getValue();
  return success();
}

// Where pair i of n / 2 lies between those that are kept (0, and below) and those that are scaled (1, and above).
static double yarnRamp(RotaryAttr rotary, int64_t i, int64_t n) {
  double base = rotary.getBase().convertToDouble();
  // The pair that turns so many times in the original context.
  auto pairOf = [&](const APFloat &turns) {
    return n * std::log(rotary.getOriginalContext() / (turns.convertToDouble() * 2 * M_PI)) / (2 * std::log(base));
  };
  double first = std::max(std::floor(pairOf(rotary.getHigh())), 0.0);
  double last = std::min(std::ceil(pairOf(rotary.getLow())), double(n - 1));
  return std::clamp((i - first) / std::max(last - first, 0.001), 0.0, 1.0);
}

SmallVector<double> RotaryAttr::frequencies(int64_t headSize) const {
  int64_t n = rotating(headSize);
  double base = getBase().convertToDouble(), factor = getFactor().convertToDouble();
  SmallVector<double> result;
  for (int64_t i = 0; i < n / 2; ++i) {
    double f = std::pow(base, -2.0 * i / n);
    if (getScaling() == "linear") {
      f /= factor;
    } else if (getScaling() == "llama3") {
      // Wavelengths above context/low are scaled, below context/high kept, between them blended.
      double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
      double periods = getOriginalContext() * f / (2 * M_PI);
      double blend = std::clamp((periods - low) / (high - low), 0.0, 1.0);
      f = (1 - blend) * f / factor + blend * f;
    } else if (getScaling() == "yarn") {
      double ramp = yarnRamp(*this, i, n);
      f = ramp * f / factor + (1 - ramp) * f;
    }
    result.push_back(f);
  }
  return result;
}
