/** Which kernels a GPU would run, with the constants that the rules give them. */
import { openEngine } from '../../src/kernels/open-engine.js';
import type { Preset } from '../../src/model/presets.js';
import { kernelCases } from '../../src/verify/index.js';
import { PLAIN_WAY, prepareStep, type StepWay } from '../suites/whole-step.js';
import { imaginaryGpu } from './imaginary-gpu.js';

/** A kernel as it would be compiled. */
export interface Kernel {
  /** The file below shaders/, without its ending. */
  readonly shader: string;
  /** The constants that its launches set. */
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  /** WGSL after specialisation. */
  readonly source: string;
  /** Where it is launched: the presets' training steps, or `verify` for what only the checks launch. */
  readonly where: readonly string[];
}

/** Ways of training whose steps are planned. */
const WAYS: readonly (readonly [string, StepWay])[] = [
  ['', PLAIN_WAY],
  [' mixed', { ...PLAIN_WAY, precision: 'mixed' }],
];

/** Where a kernel is launched that no training step launches. */
const CHECKS = 'verify';

/** Every kernel of the presets' training steps, and then of the cases of `zygo verify`; those with the same source once. */
export async function kernelsOfGpu(presets: readonly Preset[]): Promise<Kernel[]> {
  const engine = await openEngine(imaginaryGpu());
  const kernels = new Map<string, { readonly kernel: Omit<Kernel, 'where'>; readonly where: Set<string> }>();
  let where = '';
  engine.observe({
    launch({ call: { shader, constants = {} }, program: { source } }) {
      const key = `${shader} ${source}`;
      const known = kernels.get(key);
      if (!known) kernels.set(key, { kernel: { shader, constants, source }, where: new Set([where]) });
      else if (where !== CHECKS) known.where.add(where);
    },
  });
  for (const preset of presets) {
    for (const [name, way] of WAYS) {
      where = `${preset.name}${name}`;
      engine.scope(() => void prepareStep(engine, preset, preset.full.batch, way).step.destroy());
    }
  }
  where = CHECKS;
  for (const each of kernelCases()) engine.scope(() => void engine.capture(each.name, () => void each.run(engine)).destroy());
  return [...kernels.values()].map((each) => ({ ...each.kernel, where: [...each.where] }));
}
