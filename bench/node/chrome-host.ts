/** A headless Chrome as a host: a Worker in a page of its own runs the suite, and tells this process what it finds. */
import type { Browser, Page } from 'playwright';
import { DeviceError, InputError, ZygoError } from '../../src/engine/index.js';
import { launchChrome } from '../../src/platform/node/chrome.js';
import { CommandFailure, EXIT } from '../../src/cli/failure.js';
import { hostFacts } from '../../src/cli/verify/environment.js';
import type { BenchPage } from '../browser/page.js';
import type { HostEnvironment, Order, Report } from '../browser/protocol.js';
import type { RunEvent } from '../harness/result.js';
import { serveBenchPage } from './chrome-page.js';
import type { BenchHost } from './host.js';

/** Which Chrome {@link openChromeHost} starts: its adapter and its switches. */
export interface ChromeHostOptions {
  readonly adapter: 'auto' | 'software';
  /** False leaves Dawn's bounds checks out of the kernels. */
  readonly robustness: boolean;
  /** Further switches for Chrome's command line. */
  readonly switches: readonly string[];
}

/** A host in a Chrome of its own, which `close` ends. */
export interface ChromeHost extends BenchHost {
  /** For tests, which look into it or end it. */
  readonly browser: Browser;
}

const PROBLEMS = {
  insecure: 'the page was not loaded from this machine',
  'no-api': 'it has none, or has it switched off',
  'no-adapter': 'it finds no GPU that it may use (chrome://gpu of that Chrome says more)',
} as const;

/** The error that a last report stands for. */
function errorOf(report: Extract<Report, { kind: 'unsupported' | 'failed' }>): Error {
  if (report.kind === 'unsupported') return new CommandFailure(EXIT.badInput, `Chrome gives no WebGPU adapter: ${PROBLEMS[report.problem]}.`);
  const { failure, message, stack } = report;
  const error = failure === 'input' ? new InputError(message) : failure === 'device' ? new DeviceError(message) : new Error(message);
  error.stack = `${stack || message}\n    in Chrome`;
  return error;
}

/** What a page that nobody closed on purpose has come to, as an error; never settles before. */
function whenGone(browser: Browser, page: Page): Promise<never> {
  return new Promise((_, reject) => {
    const gone = (what: string) => () => reject(new DeviceError(`${what} while the benchmark ran in it.`));
    page.once('crash', gone("Chrome's page crashed"));
    // A browser that ends closes its pages first.
    page.once('close', gone('Chrome, or its page, was closed'));
    browser.once('disconnected', gone('Chrome, or its page, was closed'));
  });
}

/** Lets the page carry out an order; hears every report but the last. */
async function carryOut(browser: Browser, page: Page, order: Order, hear: (report: Report) => void, signal?: AbortSignal): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    if (signal?.aborted) resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true });
    const take = (report: Report): void => {
      if (report.kind === 'done') resolve();
      else if (report.kind === 'unsupported' || report.kind === 'failed') reject(errorOf(report));
      else {
        try {
          hear(report);
        } catch (error) {
          reject(error);
        }
      }
    };
    page
      .exposeFunction('zygoReport' satisfies keyof BenchPage, (text: string) => take(JSON.parse(text) as Report))
      .then(() => page.evaluate((given) => (globalThis as unknown as BenchPage).zygoBench(given), order))
      .catch(reject);
  });
  // Chrome may be gone while its last words are still being read: what it was is told by whenGone.
  await Promise.race([whenGone(browser, page), done]);
}

/**
 * Starts Chrome and loads the page.
 * @throws {CommandFailure} when there is no Chrome, or it does not start
 */
export async function openChromeHost({ adapter, robustness, switches }: ChromeHostOptions): Promise<ChromeHost> {
  const served = await serveBenchPage();
  try {
    const launched = await launchChrome({
      adapter,
      switches: [...(robustness ? [] : ['--enable-dawn-features=disable_robustness']), ...switches],
      ownInterrupt: true,
    });
    const { browser, chrome } = launched;
    const host: HostEnvironment = {
      ...hostFacts(),
      runtime: `Chrome ${browser.version()} (${chrome.origin}, headless)`,
      flags: [...launched.switches],
    };
    /** Every order has a page of its own, which is loaded when it runs. */
    const withPage = async (order: Order, hear: (report: Report) => void, signal?: AbortSignal): Promise<void> => {
      const page = await browser.newPage();
      await page.goto(served.url);
      await page.waitForFunction(() => 'zygoBench' in globalThis);
      await carryOut(browser, page, order, hear, signal);
    };
    return {
      browser,
      async list(request) {
        const names: string[] = [];
        await withPage({ kind: 'list', request }, (report) => {
          if (report.kind === 'names') names.push(...report.names);
        });
        return names;
      },
      run: (request, tell, signal) => withPage({ kind: 'run', request, host }, (report) => tell(report as RunEvent), signal),
      async close() {
        await browser.close();
        await served.close();
      },
    };
  } catch (cause) {
    await served.close();
    if (!(cause instanceof ZygoError)) throw cause;
    throw new CommandFailure(EXIT.badInput, cause.message, { cause });
  }
}
