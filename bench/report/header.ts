/** What stands above everything: the device, how it was timed, and the run in a few numbers. */
import { escape } from '../../src/report/markup.js';
import { adapterLine, shortSamples } from '../figures.js';
import { formatRate, formatSeconds } from '../format.js';
import { OF_SEVERAL_RUNS } from '../harness/merge.js';
import type { BenchResult, Peak } from '../harness/schema.js';
import { noiseWarnings } from '../noise.js';
import { bandText } from '../table.js';
import { behind } from './comparisons.js';
import { badge } from './parts.js';

/** Characters of a fact that gets a line of its own. */
const WIDE = 30;

function facts(result: BenchResult): [name: string, value: string][] {
  const { environment: e, timer, canary, suite, filter, tuned } = result;
  const short = shortSamples(result);
  return [
    ['System', `${e.system}, ${e.runtime}`],
    ['Dawn', e.dawn ? `npm webgpu ${e.dawn}` : 'the browser’s'],
    ['Commit', e.commit ? `${e.commit.slice(0, 12)}${e.commit.includes('+') ? ' with changes' : ''}` : 'not told'],
    ['Date', e.date.replace('T', ' ').replace(/:\d\d\.\d+Z$/, ' UTC')],
    ['Suite', `${suite}${filter === null ? '' : `, only "${filter}"`}`],
    ['Stored choices', tuned ? `${tuned.choices} of ${tuned.date.slice(0, 10)}, beside the rules` : 'none: the rules alone'],
    ['Timers', `wall ${formatSeconds(timer.wallQuantum)}, GPU ${timer.gpuQuantum === null ? 'none' : formatSeconds(timer.gpuQuantum)}`],
    ['Canary', `out of band ${canary.outOfBand} times in ${canary.of}; ${canary.discarded} samples discarded${short > 0 ? `; ${short} were too short for the timer` : ''}`],
    ...noiseWarnings(result).map((warning): [string, string] => ['Warning', warning]),
    ...canary.renewed.map((renewed): [string, string] => ['Device changed', bandText(renewed)]),
    ['Flags', e.flags.join(' ') || 'none'],
    ['Features', e.features.join(', ') || 'none'],
  ];
}

/** Where a peak comes from. */
const measuredIn = (peak: Peak | null): string => (peak?.how.endsWith(OF_SEVERAL_RUNS) ? 'the highest of several runs' : 'measured in this run');

/** The page's head. */
export function header(result: BenchResult): string {
  const { environment: e, peaks, rows } = result;
  const timed = rows.filter(({ status }) => status === 'timed').length;
  const wrong = rows.filter(({ status }) => status === 'wrong').length;
  const behindRivals = behind(result).length;
  const stats: [value: string, name: string, more: string][] = [
    [peaks.fma ? formatRate(peaks.fma.value, 'FLOP/s') : '–', 'f32 multiply-add peak', measuredIn(peaks.fma)],
    [peaks.copy ? formatRate(peaks.copy.value, 'B/s') : '–', 'copy peak', measuredIn(peaks.copy)],
    [`${timed} of ${rows.length}`, 'rows timed', `${wrong} wrong`],
    [String(behindRivals), 'comparisons lost', 'shown below'],
  ];
  const numbers = stats.map(([value, name, more]) => `<div><b>${escape(value)}</b><span>${escape(name)}</span><span>${escape(more)}</span></div>`).join('');
  const isWide = ([, value]: [name: string, value: string]): boolean => value.length > WIDE;
  const told = facts(result);
  // Short facts side by side, then the long ones, a line each.
  const ordered = [...told.filter((fact) => !isWide(fact)), ...told.filter(isWide)];
  const items = ordered.map(([name, value]) => `<div${isWide([name, value]) ? ' class="wide"' : ''}><dt>${escape(name)}</dt><dd>${escape(value)}</dd></div>`).join('');
  const warning = e.adapter.software ? '<p class="lead">Measured on a software adapter, which runs on the CPU: no figure here says anything about a GPU.</p>' : '';
  return `<header><p class="eyebrow">Zygo benchmark${badge(result)}</p><h1>${escape(adapterLine(result))}</h1>${warning}<div class="stats">${numbers}</div><dl class="facts">${items}</dl></header>`;
}
