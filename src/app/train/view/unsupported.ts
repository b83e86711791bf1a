/** What to do where WebGPU is missing. */
import { h } from '../../shared/dom.js';
import type { WebGpuProblem } from '../../../platform/browser/gpu.js';

const REASONS: Readonly<Record<WebGpuProblem, string>> = {
  insecure: 'This page was opened from an address that the browser does not trust with the GPU. Open it from localhost or over https.',
  'no-api': 'This browser has no WebGPU, or has it switched off.',
  'no-adapter': 'This browser has WebGPU but found no GPU that it may use.',
};

function code(text: string): HTMLElement {
  return h('code', {}, text);
}

/** Fills the panel and shows it. */
export function showUnsupported(panel: HTMLElement, problem: WebGpuProblem): void {
  const list = (...items: readonly (readonly (Node | string)[])[]) => h('ol', {}, ...items.map((item) => h('li', {}, ...item)));
  panel.replaceChildren(
    h('h1', { id: 'unsupported-title' }, 'Training needs WebGPU'),
    h('p', {}, REASONS[problem]),
    h('h3', {}, 'Chrome or Edge on Windows, macOS, ChromeOS or Android'),
    list(
      ['Use version 113 or newer (Android: 121). Help → About shows the version and updates it.'],
      ['In Settings → System, switch on “Use graphics acceleration when available” and restart the browser.'],
      ['Open ', code('chrome://gpu'), ' and look for “WebGPU”: it should say “Hardware accelerated”. If the driver is blocked, update it, or open ', code('chrome://flags/#enable-unsafe-webgpu'), ', choose Enabled and restart.'],
    ),
    h('h3', {}, 'Chrome on Linux'),
    list(
      ['Install a Vulkan driver (Mesa, or NVIDIA’s own) and check it with ', code('vulkaninfo --summary'), '.'],
      ['Open ', code('chrome://flags/#enable-unsafe-webgpu'), ' and ', code('chrome://flags/#enable-vulkan'), ', choose Enabled for both and restart. Or start Chrome with ', code('google-chrome --enable-unsafe-webgpu --enable-features=Vulkan'), '.'],
      ['Without a GPU, Chrome can compute on the CPU, slowly: ', code('google-chrome --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader'), '.'],
    ),
    h('h3', {}, 'Other browsers'),
    h(
      'ul',
      {},
      h('li', {}, 'Safari 26 and newer have WebGPU switched on. Zygo is tested in Chrome.'),
      h('li', {}, 'Firefox 141 and newer have it on Windows. Zygo is tested in Chrome.'),
    ),
    h('h3', {}, 'Without a browser'),
    h('p', {}, 'The same training runs in Node, with a GPU or without: ', code('npm run demo'), '.'),
  );
  panel.hidden = false;
}
