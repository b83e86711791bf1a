/**
 * Rewrites a WGSL compute program as CUDA C++, statement by statement, for a compiler that says how many registers it takes.
 * The result is not meant to be run. Storage is not checked for bounds, as where a driver has robust access of its own.
 */
import * as wgsl from 'wgsl_reflect/wgsl_reflect.module.js';
import { reflect } from '../../src/engine/reflection.js';
import { ExpressionWriter } from './cuda-expressions.js';
import { cudaName, cudaType, memberName, UntranslatableError } from './cuda-types.js';

/** A translated program. */
export interface Translation {
  /** Stands behind prelude.cuh; everything in it is in a namespace of its own. */
  readonly source: string;
  /** Invocations per workgroup. */
  readonly threads: number;
}

/** A value of the launch for each of WGSL's built-in inputs. */
function builtinValue(name: string, [x, y, z]: readonly number[], line: number): string {
  const index = `(threadIdx.x + ${x}u * (threadIdx.y + ${y}u * threadIdx.z))`;
  const values: Readonly<Record<string, string>> = {
    local_invocation_index: index,
    local_invocation_id: 'make<unsigned, 3>(threadIdx.x, threadIdx.y, threadIdx.z)',
    workgroup_id: 'make<unsigned, 3>(blockIdx.x, blockIdx.y, blockIdx.z)',
    num_workgroups: 'make<unsigned, 3>(gridDim.x, gridDim.y, gridDim.z)',
    global_invocation_id: `make<unsigned, 3>(blockIdx.x * ${x}u + threadIdx.x, blockIdx.y * ${y}u + threadIdx.y, blockIdx.z * ${z}u + threadIdx.z)`,
    subgroup_invocation_id: `${index} % 32u`,
    subgroup_id: `${index} / 32u`,
    subgroup_size: '32u',
    num_subgroups: `${Math.ceil((x * y * z) / 32)}u`,
  };
  if (!(name in values)) throw new UntranslatableError(`the built-in value ${name}`, line);
  return values[name];
}

type Statement = wgsl.Node | readonly Statement[];
type Declaration = wgsl.Var | wgsl.Let | wgsl.Const;
const isDeclaration = (node: unknown): node is Declaration => node instanceof wgsl.Var || node instanceof wgsl.Let || node instanceof wgsl.Const;

/** Statements of one program. */
class StatementWriter {
  private readonly expressions: ExpressionWriter;

  constructor(functions: ReadonlySet<string>) {
    this.expressions = new ExpressionWriter(functions);
  }

  block(body: readonly Statement[]): string {
    return `{\n${body.map((statement) => this.statement(statement)).join('')}}\n`;
  }

  /** A variable without its semicolon. WGSL clears what has no initial value. */
  declaration(node: Declaration): string {
    const name = cudaName(node.name);
    const value = node.value ? this.expressions.write(node.value, node.line) : null;
    // C++ knows the new variable in its own initial value, WGSL the one that it hides.
    if (value && new RegExp(`\\b${name}\\b`).test(value)) throw new UntranslatableError(`${node.name}, made from another of its name,`, node.line);
    const type = node.type ? cudaType(node.type, node.line) : 'auto';
    return `${node instanceof wgsl.Var ? '' : 'const '}${type} ${name} = ${value ?? '{}'}`;
  }

  /** A constant of the program. Vectors become fields: prelude.cuh cannot make them before run time. */
  constant(node: wgsl.Const): string {
    const value = this.expressions.write(node.value, node.line);
    const type = node.type ? cudaType(node.type, node.line) : /^make/.test(value) ? `decltype(${value})` : 'auto';
    return `${/^(auto|float|unsigned|int|bool)$/.test(type) ? 'static constexpr' : 'const'} ${type} ${cudaName(node.name)} = ${value};\n`;
  }

  private condition(node: wgsl.Expression | null, line: number): string {
    return node ? this.expressions.write(node, line) : '';
  }

  /** What stands in the head of a `for`, or before a semicolon. */
  private simple(node: wgsl.Node): string {
    const { line } = node;
    if (isDeclaration(node)) return this.declaration(node);
    if (node instanceof wgsl.Call) return this.expressions.call(node.name, node.args, line);
    if (node instanceof wgsl.Increment) return `${this.expressions.write(node.variable, line)}${node.operator}`;
    if (node instanceof wgsl.Assign) return this.assignment(node);
    throw new UntranslatableError(`the statement ${node.astNodeType}`, line);
  }

  private assignment({ variable, operator, value, line }: wgsl.Assign): string {
    const to = this.expressions.write(variable, line);
    const from = this.expressions.write(value, line);
    if (to === cudaName('_')) return `(void)(${from})`;
    if (to.startsWith('wgsl::swizzle')) throw new UntranslatableError('assigning several components', line);
    const operation = operator.slice(0, -1);
    return operation === '/' || operation === '%' ? `${to} = ${this.expressions.operation(operation, to, from)}` : `${to} ${operator} ${from}`;
  }

  private statement(node: Statement): string {
    if (!(node instanceof wgsl.Node)) return this.block(node);
    const { line } = node;
    if (node instanceof wgsl.If) {
      const more = (node.elseif ?? []).map((branch) => `else if (${this.condition(branch.condition, branch.line)}) ${this.block(branch.body)}`);
      return `if (${this.condition(node.condition, line)}) ${this.block(node.body)}${more.join('')}${node.else ? `else ${this.block(node.else)}` : ''}`;
    }
    if (node instanceof wgsl.For) {
      const [init, increment] = [node.init, node.increment].map((part) => (part ? this.simple(part) : ''));
      return `for (${init}; ${this.condition(node.condition, line)}; ${increment}) ${this.block(node.body)}`;
    }
    if (node instanceof wgsl.While) return `while (${this.condition(node.condition, line)}) ${this.block(node.body)}`;
    if (node instanceof wgsl.Loop) {
      if (node.continuing && node.continuing.body.length > 0) throw new UntranslatableError('a continuing block', line);
      return `for (;;) ${this.block(node.body.filter((part) => !(part instanceof wgsl.Continuing)))}`;
    }
    if (node instanceof wgsl.Switch) {
      const cases = node.cases.map((each) => {
        const selectors = each instanceof wgsl.Case ? each.selectors : [];
        const labels = selectors.map((selector) => (selector instanceof wgsl.DefaultSelector ? 'default: ' : `case ${this.condition(selector, line)}: `));
        return `${labels.join('') || 'default: '}{ ${this.block(each.body)} break; }\n`;
      });
      return `switch (${this.condition(node.condition, line)}) {\n${cases.join('')}}\n`;
    }
    if (node instanceof wgsl.Break) return node.condition ? `if (${this.condition(node.condition, line)}) break;\n` : 'break;\n';
    if (node instanceof wgsl.Continue) return 'continue;\n';
    if (node instanceof wgsl.Return) {
      // wgsl_reflect gives a plain `return` an expression without a type.
      const plain = !node.value || (node.value instanceof wgsl.CreateExpr && !node.value.type);
      return plain ? 'return;\n' : `return ${this.expressions.write(node.value, line)};\n`;
    }
    return `${this.simple(node)};\n`;
  }
}

/**
 * @param source WGSL with an entry point `main`, after specialisation
 * @param name of the kernel in the result, an identifier
 * @throws {UntranslatableError} naming what has no translation, and its line
 * @throws {KernelError} when the program declares what the engine cannot bind
 */
export function translate(name: string, source: string): Translation {
  const { workgroupSize } = reflect(name, source);
  const matrix = source.split('\n').findIndex((line) => /^[^/]*\bsubgroup_matrix_/.test(line));
  if (matrix >= 0) throw new UntranslatableError('a subgroup matrix', matrix + 1);
  const nodes: readonly wgsl.Node[] = new wgsl.WgslParser().parse(source);
  const functions = nodes.filter((node) => node instanceof wgsl.Function);
  const writer = new StatementWriter(new Set(functions.map((each) => each.name)));
  const structs = nodes.filter((node) => node instanceof wgsl.Struct);
  const variables = nodes.filter((node) => node instanceof wgsl.Var);
  const constants = nodes.filter((node) => node instanceof wgsl.Const);
  const field = (node: wgsl.Var, type: string): string => `${type} ${cudaName(node.name)}`;

  const shared = variables.filter(({ storage }) => storage === 'workgroup').map((node) => `__shared__ ${field(node, cudaType(node.type as wgsl.Type, node.line))};\n`);
  const bound = variables.filter(({ storage }) => storage === 'storage' || storage === 'uniform').map((node) => {
    const type = node.type as wgsl.Type;
    if (node.storage === 'uniform') return { name: cudaName(node.name), field: field(node, cudaType(type, node.line)) };
    const element = type instanceof wgsl.ArrayType && type.format ? type.format : null;
    if (!element) throw new UntranslatableError(`storage that is no array (${node.name})`, node.line);
    return { name: cudaName(node.name), field: field(node, `${node.access === 'read' ? 'const ' : ''}${cudaType(element, node.line)} *`) };
  });
  const privates = variables.filter(({ storage }) => storage === 'private').map((node) => `${writer.declaration(node)};\n`);
  const written = functions.map((node) => {
    const isMain = node.name === 'main';
    const parameters = node.args.map((each) => `${cudaType(each.type, node.line)} ${cudaName(each.name)}`);
    const values = node.args.map((each) => builtinOf(each));
    if (isMain) parameters.splice(0);
    const given = isMain ? node.args.map((each, at) => `const auto ${cudaName(each.name)} = ${builtinValue(values[at], workgroupSize, node.line)};\n`).join('') : '';
    const result = node.returnType ? cudaType(node.returnType, node.line) : 'void';
    return `INLINE ${result} ${cudaName(node.name)}(${parameters.join(', ')}) {\n${given}${writer.block(node.body)}}\n`;
  });

  const threads = workgroupSize.reduce((product, size) => product * size, 1);
  const members = (struct: wgsl.Struct): string => struct.members.map((member) => `${cudaType(member.type as wgsl.Type, struct.line)} ${memberName(member.name)};\n`).join('');
  return {
    threads,
    source: [
      `namespace ${name} {\nusing namespace wgsl;\n`,
      ...structs.map((struct) => `struct ${cudaName(struct.name)} {\n${members(struct)}};\n`),
      ...shared,
      // One for each thread: what is private in WGSL, and its functions, which reach everything by name.
      'struct Thread {\n',
      ...bound.map((each) => `${each.field};\n`),
      ...constants.map((node) => writer.constant(node)),
      ...privates,
      ...written,
      '};\n',
      `extern "C" __global__ void __launch_bounds__(${threads}) ${name}_main(${bound.map((each) => each.field).join(', ')}) {\n`,
      `Thread{${bound.map((each) => each.name).join(', ')}}.${cudaName('main')}();\n}\n}\n`,
    ].join(''),
  };
}

function builtinOf({ attributes }: wgsl.Argument): string {
  const value = attributes?.find((attribute) => attribute.name === 'builtin')?.value;
  return String(value ?? '');
}
