// A kernel of your own, an op that can be differentiated, and a training step with both: an MLP with the "snake"
// activation, y = x + sin²(x) (Ziyin et al. 2020), learns to tell two spirals apart. Run: node own-kernel.mjs
import { gridFor } from 'zygo/engine';
import { adamw, adamwHyper, bceWithLogits, clipScale, linear, openEngine } from 'zygo/kernels';
import { layOut, linearSpecs, makeParameters } from 'zygo/model';
import { findNodeGpu } from 'zygo/node';

// 1. The kernels: whole WGSL programs. Names of bindings and of uniform members are what a launch is checked against.
const snakeForward = `
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i < params.count) { y[i] = x[i] + sin(x[i]) * sin(x[i]); }
}`;
const snakeBackward = `
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i < params.count) { dx[i] = dy[i] * (1.0 + sin(2.0 * x[i])); }
}`;

// 2. The op: launch forward, and tell the tape how gradients flow back.
function snake(engine, x) {
  const y = engine.empty(x.shape);
  const params = { count: x.size };
  engine.dispatch({ shader: 'mine/snake', tensors: { x, y }, params, workgroups: gridFor(x.size) });
  engine.record('snake', [x], [y], (context) => {
    const tensors = { x, dy: context.gradient(0), dx: context.target(0) };
    engine.dispatch({ shader: 'mine/snake_backward', tensors, params, workgroups: gridFor(x.size) });
  });
  return y;
}

// 3. Training: one step is captured once and replayed; only the optimiser's scalars are written in between.
const node = await findNodeGpu();
const engine = await openEngine(node.adapter, { 'mine/snake': snakeForward, 'mine/snake_backward': snakeBackward });
const points = 256;
const turn = (i) => 1 + (i >> 1) / 24;
const side = (i) => (i % 2 === 0 ? 1 : -1);
const place = (i) => [side(i) * turn(i) * Math.cos(turn(i)), side(i) * turn(i) * Math.sin(turn(i))];
const input = engine.tensor(Float32Array.from({ length: points * 2 }, (_, j) => place(j >> 1)[j % 2] / 3), [points, 2]);
const label = engine.tensor(Uint32Array.from({ length: points }, (_, i) => i % 2), [points, 1]);

const layers = [2, 32, 32, 1];
const specs = layers.slice(1).flatMap((outputs, l) => linearSpecs(`layer${l}`, layers[l], outputs, 'fan-in'));
const layout = layOut(specs);
const parameters = makeParameters(engine, layout, 1, true);
const moments = [engine.zeros([layout.size]), engine.zeros([layout.size])];
const hyper = engine.zeros([8]);

const step = await engine
  .capture('spirals', () => {
    const loss = engine.withTape((tape) => {
      let x = input;
      for (let l = 0; l < layers.length - 1; l++) {
        x = linear(engine, l === 0 ? x : snake(engine, x), parameters.get(`layer${l}.weight`), parameters.get(`layer${l}.bias`));
      }
      const value = bceWithLogits(engine, x, label, engine.tensor([1], [1]));
      tape.backward([[value, engine.tensor([1], [1])]]);
      return value;
    });
    const scale = clipScale(engine, parameters.gradients, 1);
    const [m, v] = moments;
    adamw(engine, { params: parameters.values, gradients: parameters.gradients, m, v, hyper, decayEnd: layout.decayEnd, scale });
    return { loss };
  })
  .prepare();

for (let t = 1; t <= 200; t++) {
  engine.write(hyper, adamwHyper(t, { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }));
  step.run();
  if (t === 1 || t % 50 === 0) console.log(`step ${t}: loss ${(await engine.read(step.outputs.loss))[0].toFixed(4)}`);
}
step.destroy();
engine.destroy();
