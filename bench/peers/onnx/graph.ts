/**
 * Builds an ONNX model node by node (https://onnx.ai/onnx/repo-docs/IR.html). Values are named by strings; nothing is
 * computed and no shape is inferred here.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

/** Operator set of all nodes: the first with Gelu as an operator of its own. */
const OPERATOR_SET = 20n;
/** IR version that came with that operator set. */
const IR_VERSION = 9n;

/** A value in the graph. */
export type Value = string & { readonly brand: unique symbol };

/** Numbers become integers where they are whole and `float` where they are given as such. */
export type Attribute = bigint | readonly bigint[] | { readonly float: number };

function attributeOf(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'bigint') return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: value });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: [...value] });
}

const dimensions = (shape: readonly number[]): bigint[] => shape.map(BigInt);

/** A graph's input or output of float32. */
function tensorInfo(name: string, shape: readonly number[]): ValueInfoProto {
  const dim = dimensions(shape).map((size) => create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: size } }));
  const type = create(TypeProto_TensorSchema, { elemType: DataType.FLOAT, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: 'tensorType', value: type } }) });
}

/** Bytes in the little-endian order that ONNX prescribes, which is also that of every platform with WebGPU. */
function bytesOf({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** An ONNX graph that is put together node by node. */
export class OnnxGraph {
  private readonly nodes: NodeProto[] = [];
  private readonly constants: TensorProto[] = [];
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private readonly integerConstants = new Map<string, Value>();

  /** A float32 input that every run is given. */
  input(name: string, shape: readonly number[]): Value {
    this.inputs.push(tensorInfo(name, shape));
    return name as Value;
  }

  /** Float32 values that the model carries. */
  constant(name: string, shape: readonly number[], data: Float32Array<ArrayBuffer>): Value {
    this.constants.push(create(TensorProtoSchema, { name, dims: dimensions(shape), dataType: DataType.FLOAT, rawData: bytesOf(data) }));
    return name as Value;
  }

  /** A list of whole numbers, such as a shape; equal lists are one constant. */
  integers(values: readonly number[]): Value {
    const key = values.join(',');
    const known = this.integerConstants.get(key);
    if (known !== undefined) return known;
    const name = `integers [${key}]` as Value;
    const data = BigInt64Array.from(values, BigInt);
    this.constants.push(create(TensorProtoSchema, { name, dims: [BigInt(values.length)], dataType: DataType.INT64, rawData: bytesOf(data) }));
    this.integerConstants.set(key, name);
    return name;
  }

  /** A node with `count` outputs. */
  manyOutputs(operator: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>>, count: number): Value[] {
    const name = `${operator} ${this.nodes.length}`;
    const output = Array.from({ length: count }, (_, at) => (count === 1 ? name : `${name}.${at}`) as Value);
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    this.nodes.push(create(NodeProtoSchema, { name, opType: operator, input: [...inputs], output, attribute }));
    return output;
  }

  /** A node with one output. */
  node(operator: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.manyOutputs(operator, inputs, attributes, 1)[0];
  }

  /** Makes a value an output of the graph, under a name of its own. */
  output(name: string, value: Value, shape: readonly number[]): void {
    this.nodes.push(create(NodeProtoSchema, { name: `output ${name}`, opType: 'Identity', input: [value], output: [name] }));
    this.outputs.push(tensorInfo(name, shape));
  }

  /** The model as the bytes of an .onnx file. */
  encode(name: string): Uint8Array<ArrayBuffer> {
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      opsetImport: [{ domain: '', version: OPERATOR_SET }],
      producerName: 'zygo',
      graph: { name, node: this.nodes, initializer: this.constants, input: this.inputs, output: this.outputs },
    });
    return toBinary(ModelProtoSchema, model);
  }
}
