/** The report's section on other libraries: every race with its bars, its ratio, and the verdict against the bar. */
import { escape } from '../../src/report/markup.js';
import { timeOf } from '../figures.js';
import { formatSeconds, intervalText, threeDigits } from '../format.js';
import type { BenchResult, Row } from '../harness/schema.js';
import { othersText, raceVerdicts, verdictCounts, type RaceVerdict } from '../peers/bars.js';
import { errorText, ratioText } from '../table.js';
import { barList } from './bars.js';
import { card } from './parts.js';

const nameOf = ({ race }: RaceVerdict): string => race.replace('Peers: ', '');

/** Green for met, orange for what Zygo did not reach. */
function mark({ verdict }: RaceVerdict): string {
  const kind = verdict === 'met' ? 'good' : verdict === 'missed' || verdict === 'no time' ? 'bad' : '';
  return `<span class="${kind}">${verdict}</span>`;
}

/** Zygo first, then each library in a colour of its own, whatever the form of the op. */
function colorOf({ peers }: BenchResult, { implementation }: Row): string {
  return `var(--series-${1 + (1 + peers.findIndex(({ name }) => implementation === name || implementation.startsWith(`${name}, `))) % 5})`;
}

function bars(result: BenchResult, { race, rows, best }: RaceVerdict): string {
  const own = rows.find(({ implementation }) => implementation === 'zygo');
  const ownTime = own && timeOf(own);
  const timed = rows.flatMap((row) => {
    const time = timeOf(row);
    if (!time) return [];
    const more = ownTime && row !== own ? { more: `${threeDigits(time.median / ownTime.median)}x` } : {};
    return [{ name: row.implementation, tags: row === best ? ['judged'] : [], value: time.median, text: formatSeconds(time.median), color: colorOf(result, row), ...more }];
  });
  return timed.length === 0 ? '<p>No row of this race has a time.</p>' : barList(timed, race);
}

function caption(given: RaceVerdict): string {
  const { best, comparison, bar, rows, verdict } = given;
  const wanted = bar === null ? 'no bar was set' : `bar ${bar}x: ${mark(given)}`;
  const checked = rows.filter(({ check }) => check).map((row) => `${row.implementation} ${errorText(row)}`);
  const untimed = rows.filter((row) => !timeOf(row)).map((row) => ` <span class="bad">${escape(row.implementation)}</span>: ${escape(row.note || row.status)}.`);
  const told = comparison && best ? `${escape(best.implementation)} takes ${escape(ratioText(comparison))} as long as Zygo; ${wanted}.` : bar === null ? `${escape(verdict)}; no bar was set.` : `bar ${bar}x: ${escape(verdict)}.`;
  return `${told}${checked.length > 0 ? ` Errors: ${escape(checked.join(', '))}.` : ''}${untimed.join('')}`;
}

/** A table of all races with their verdicts. */
function summary(races: readonly RaceVerdict[]): string {
  const head = ['Race', 'Fastest other / Zygo', '95 % interval', 'Fastest other', 'Bar', 'All others / Zygo', 'Verdict'];
  const rows = races.map((given) => {
    const { best, comparison, bar } = given;
    const cells = [
      nameOf(given),
      comparison ? `${threeDigits(comparison.ratio)}x` : '–',
      comparison ? intervalText(comparison) : '–',
      best?.implementation ?? '–',
      bar === null ? '–' : `${bar}x`,
      othersText(given),
    ];
    return `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}<td>${mark(given)}</td></tr>`;
  });
  return `<div class="scroll"><table class="left"><thead><tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** Who took part, and who did not and why. */
function participants({ peers }: BenchResult): string {
  return `<ul>${peers.map(({ name, version, note }) => `<li>${escape(version === null ? `${name}, not measured: ${note}` : `${name} ${version}: ${note}`)}</li>`).join('')}</ul>`;
}

/** Empty when the suite has no other libraries. */
export function peerSection(result: BenchResult): string {
  if (result.peers.length === 0) return '';
  const races = raceVerdicts(result);
  if (races.length === 0) return participants(result);
  const cards = races.map((race) => card(result, nameOf(race), bars(result, race), caption(race)));
  return `${participants(result)}<p>Bars: ${escape(verdictCounts(races))}.</p>${summary(races)}<div class="pairs">${cards.join('')}</div>`;
}
