/**
 * What every WebGPU device must offer is enough for every kernel that needs no optional feature: at most 128
 * invocations and 16 KiB of workgroup memory per workgroup and 8 storage buffers, read from the WGSL by reflection,
 * with the constants in the file and with those that kernel modules really set.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { WgslParser, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { kernelCases, otherVariants, watchChoices, type VerifyCase } from '../src/verify/index.js';
import { reflect } from '../src/engine/index.js';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { shaderSources } from '../src/shaders.generated.js';
import { openTestEngine } from './helpers.js';

/** Limits of WebGPU's compatibility mode; its core mode allows no less. */
const INVOCATIONS = 128;
const WORKGROUP_BYTES = 16 * 1024;
const STORAGE_BUFFERS = 8;

/** Bytes of workgroup variables; each starts at a multiple of 16, as WebGPU counts them. */
function workgroupBytes(source: string): number {
  const program = new WgslReflect(source);
  let bytes = 0;
  for (const node of new WgslParser().parse(source)) {
    if (node.astNodeType !== 'var') continue;
    const variable = node as unknown as { storage: string | null; name: string; type: Parameters<WgslReflect['getTypeInfo']>[0] };
    if (variable.storage !== 'workgroup') continue;
    const size = program.getTypeInfo(variable.type)?.size;
    assert.ok(size !== undefined && size > 0, `the size of ${variable.name} must be known`);
    bytes += Math.ceil(size / 16) * 16;
  }
  return bytes;
}

/** Features that a source asks for. */
const enabled = (source: string): string[] => [...source.matchAll(/^\s*(?:enable|requires)\s+([\w\s,]+);/gm)].flatMap(([, names]) => names.split(',').map((name) => name.trim()));

function expectWithinLimits(what: string, source: string): void {
  const { storages, workgroupSize } = reflect(what, source);
  const invocations = workgroupSize.reduce((product, size) => product * size, 1);
  assert.ok(invocations <= INVOCATIONS, `${what}: ${invocations} invocations`);
  assert.ok(storages.length <= STORAGE_BUFFERS, `${what}: ${storages.length} storage buffers`);
  const bytes = workgroupBytes(source);
  assert.ok(bytes <= WORKGROUP_BYTES, `${what}: ${bytes} bytes of workgroup memory`);
}

const isCompute = (shader: string): boolean => /@compute/.test(shaderSources[shader]);

test('the size of workgroup memory is read correctly', () => {
  const source = `const N: u32 = 3u;
alias pair = vec2<f32>;
var<workgroup> a: array<vec4<f32>, N * 2u>;
var<workgroup> b: array<pair, N + 1u>;
var<workgroup> c: u32;
var<private> d: array<f32, 1000>;
@compute @workgroup_size(1) fn main() {}`;
  assert.equal(workgroupBytes(source), 96 + 32 + 16);
  assert.deepEqual(enabled('// enable f16;\nenable subgroups;\n enable f16, chromium_experimental_subgroup_matrix;\n'), ['subgroups', 'f16', 'chromium_experimental_subgroup_matrix']);
});

test('every kernel keeps to the limits with the constants in its file', () => {
  const kernels = Object.keys(shaderSources).filter(isCompute);
  assert.ok(kernels.length > 60);
  for (const shader of kernels) if (enabled(shaderSources[shader]).length === 0) expectWithinLimits(shader, shaderSources[shader]);
});

const engine = await openTestEngine();
after(() => engine.destroy());

/** Programs that a case launches, by name and source, without running or compiling anything. */
function programsOf({ run, name }: VerifyCase): Map<string, string> {
  const programs = new Map<string, string>();
  const stop = engine.observe({ launch: ({ call, program }) => programs.set(`${call.shader} ${JSON.stringify(call.constants ?? {})}`, program.source) });
  engine.capture(name, () => void run(engine)).destroy();
  stop();
  return programs;
}

test('every kernel keeps to the limits with the constants that modules set, in every variant', () => {
  const seen = new Set<string>();
  const look = (programs: ReadonlyMap<string, string>, variants: readonly string[]): void => {
    for (const [what, source] of programs) {
      const features = enabled(source);
      // A launch of a variant that says that it needs more is looked at in its other forms.
      const larger = variants.some((label) => {
        const [family, variant] = label.split('=');
        return VARIANT_FAMILIES[family]?.invocations?.[variant] !== undefined;
      });
      if (features.length > 0) {
        const granted = variants.flatMap((label) => {
          const [family, variant] = label.split('=');
          return VARIANT_FAMILIES[family]?.variants[variant] ?? [];
        });
        for (const feature of features) {
          assert.ok(granted.some((known) => known === feature || known === `shader-${feature}` || known === feature.replaceAll('_', '-')), `${what} needs ${feature}, which none of ${variants.join(', ')} declares`);
        }
      } else if (!seen.has(what) && !(larger && reflect(what, source).workgroupSize[0] > INVOCATIONS)) {
        seen.add(what);
        expectWithinLimits(what, source);
      }
    }
  };
  for (const verifyCase of kernelCases()) {
    const { asked, stop } = watchChoices(engine);
    const byRule = programsOf(verifyCase);
    stop();
    const ruled = [...asked].flatMap(([family, { chosen }]) => [...chosen].map((variant) => `${family}=${variant}`));
    look(byRule, ruled);
    for (const { family, variant, state } of otherVariants(asked, verifyCase, engine.device.features)) {
      if (state !== 'can run') continue;
      engine.force(family, variant);
      look(programsOf(verifyCase), [...ruled.filter((label) => !label.startsWith(`${family}=`)), `${family}=${variant}`]);
      engine.force(family, null);
    }
  }
  assert.ok(seen.size > 150, `${seen.size} specialised kernels were looked at`);
  for (const shader of Object.keys(shaderSources).filter(isCompute)) {
    if (enabled(shaderSources[shader]).length > 0) continue;
    assert.ok([...seen].some((what) => what.startsWith(`${shader} `)), `${shader} was never launched`);
  }
});
