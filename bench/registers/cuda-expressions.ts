/** CUDA C++ for WGSL expressions. */
import {
  ArrayIndex,
  BinaryOperator,
  BitcastExpr,
  CallExpr,
  ConstExpr,
  CreateExpr,
  LiteralExpr,
  StringExpr,
  TypecastExpr,
  UnaryOperator,
  VariableExpr,
  type Expression,
} from 'wgsl_reflect/wgsl_reflect.module.js';
import { cudaName, cudaType, memberName, UntranslatableError } from './cuda-types.js';

/** Built-in functions that prelude.cuh has. */
const BUILTINS: ReadonlySet<string> = new Set(
  `abs all any bitcast ceil clamp cos dot exp exp2 floor fma fract inverseSqrt length log log2 max min mix normalize pack2x16float pow
  quadBroadcast quadSwapX quadSwapY round saturate select sign sin smoothstep sqrt storageBarrier tanh transpose trunc unpack2x16float
  workgroupBarrier`.split(/\s+/),
);

/** Division and remainder, which WGSL defines for a divisor of zero, too. */
const DIVISIONS: Readonly<Record<string, string>> = { '/': 'quotient', '%': 'remainder' };

const COMPONENTS = 'xyzw';

function literal(node: LiteralExpr, line: number): string {
  const name = node.type.getTypeName();
  if (!node.isScalar) {
    const values = [...node.vectorValue].map((value) => number(value, /^vec\d(?:<(\w+)>|(\w))$/.exec(name)?.slice(1).find(Boolean) ?? 'f32'));
    return `make${templateOf(cudaType(node.type, line))}(${values.join(', ')})`;
  }
  return number(node.scalarValue, name);
}

function number(value: number, type: string): string {
  if (type === 'bool') return value ? 'true' : 'false';
  if (type === 'u32' || type === 'u') return `${value}u`;
  if (type === 'f32' || type === 'f') return `${value.toExponential(9)}f`;
  if (type === 'f16' || type === 'h') return `__half(${value.toExponential(9)}f)`;
  // i32, and abstract integers, which are i32 where nothing else asks for another type.
  return String(value);
}

/** `<float, 4>` of `vec<float, 4>`. */
function templateOf(type: string): string {
  return type.slice(type.indexOf('<'));
}

/** The call that makes a value of a type from its parts. */
function created(type: string, args: string): string {
  if (type.startsWith('vec<')) return `make${templateOf(type)}(${args})`;
  if (type.startsWith('mat<')) return `make_matrix${templateOf(type)}(${args})`;
  if (type.startsWith('array<')) return `make_array<${type}, ${type.slice('array<'.length, type.lastIndexOf(','))}>(${args})`;
  return args === '' || !/^[a-z_]+$/.test(type) ? `${type}{${args}}` : `${type}(${args})`;
}

/** Translates the expressions of one program, whose own functions are named. */
export class ExpressionWriter {
  constructor(private readonly functions: ReadonlySet<string>) {}

  /** An expression of a statement that stands in this line. */
  write(node: Expression, line: number): string {
    return this.postfix(this.bare(node, line), node.postfix, line);
  }

  /** A call of a function of the program or of WGSL. */
  call(name: string, args: readonly Expression[] | null, line: number): string {
    const values = this.list(args, line);
    if (this.functions.has(name)) return `${cudaName(name)}(${values})`;
    if (!BUILTINS.has(name)) throw new UntranslatableError(`the built-in function ${name}`, line);
    return `wgsl::${name}(${values})`;
  }

  /** A binary operation on operands that are C++ already. */
  operation(operator: string, left: string, right: string): string {
    const division = DIVISIONS[operator];
    return division ? `wgsl::${division}(${left}, ${right})` : `(${left} ${operator} ${right})`;
  }

  private list(args: readonly Expression[] | null, line: number): string {
    return (args ?? []).map((argument) => this.write(argument, line)).join(', ');
  }

  private bare(node: Expression, line: number): string {
    if (node instanceof LiteralExpr) return literal(node, line);
    if (node instanceof VariableExpr || node instanceof ConstExpr) return cudaName(node.name);
    if (node instanceof UnaryOperator && '-!~'.includes(node.operator)) return `(${node.operator}${this.write(node.right, line)})`;
    if (node instanceof BinaryOperator) return this.operation(node.operator, this.write(node.left, line), this.write(node.right, line));
    if (node instanceof CallExpr) return this.call(node.name, node.args, line);
    if (node instanceof BitcastExpr && node.type) return `wgsl::bitcast<${cudaType(node.type, line)}>(${this.write(node.value, line)})`;
    if ((node instanceof CreateExpr || node instanceof TypecastExpr) && node.type) return created(cudaType(node.type, line), this.list(node.args, line));
    throw new UntranslatableError(`the expression ${node.astNodeType}`, line);
  }

  private postfix(base: string, node: Expression | null, line: number): string {
    if (!node) return base;
    if (node instanceof ArrayIndex) return this.postfix(`${base}[${this.write(node.index, line)}]`, node.postfix, line);
    if (!(node instanceof StringExpr)) throw new UntranslatableError(`the expression ${node.astNodeType}`, line);
    // Zygo's kernels do not call components r, g, b and a: such a name is a member's.
    const places = [...node.value].map((letter) => COMPONENTS.indexOf(letter));
    if (places.length === 1 || places.includes(-1)) return this.postfix(`${base}.${memberName(node.value)}`, node.postfix, line);
    return this.postfix(`wgsl::swizzle<${places.join(', ')}>(${base})`, node.postfix, line);
  }
}
