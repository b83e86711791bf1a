/** The form with the run's settings. */
import { InputError } from '../../../engine/errors.js';
import { PRECISIONS, type Precision } from '../../../model/precision.js';
import { PRESETS } from '../../../model/presets.js';
import { byId, h } from '../../shared/dom.js';
import { formatCount } from '../../shared/format.js';
import { amountsOf, checkSettings, RANGES, settingsFromAddress, withChosen, type Amounts, type BudgetName, type TrainSettings } from '../settings.js';

const BUDGETS: readonly { readonly name: BudgetName; readonly title: string }[] = [
  { name: 'demo', title: 'demo' },
  { name: 'full', title: 'full' },
];

const PRECISION_TITLES: Readonly<Record<Precision, string>> = { f32: 'f32', mixed: 'mixed: less memory' };

/**
 * Fills the page's form from the address, follows the choice of a budget, and reads the settings back. Made once per page,
 * whose form it takes by id.
 */
export class SettingsForm {
  private readonly budget = byId('budget', HTMLSelectElement);
  private readonly seed = byId('seed', HTMLInputElement);
  private readonly precision = byId('precision', HTMLSelectElement);
  private readonly error = byId('settings-error', HTMLParagraphElement);
  private readonly amounts = new Map<keyof Amounts, HTMLInputElement>();

  /** @param query the address's, which fills the form */
  constructor(query: URLSearchParams) {
    const asked = settingsFromAddress(query);
    for (const preset of Object.keys(PRESETS)) {
      for (const { name, title } of BUDGETS) {
        const { steps } = amountsOf(preset, name);
        const selected = preset === asked.preset && name === asked.budget;
        this.budget.append(h('option', { value: `${preset} ${name}`, selected }, `${preset}, ${title}: ${formatCount(steps)} steps`));
      }
    }
    this.seed.value = Number.isNaN(asked.seed) ? '' : String(asked.seed);
    for (const precision of PRECISIONS) {
      this.precision.append(h('option', { value: precision, selected: precision === asked.precision }, PRECISION_TITLES[precision]));
    }
    const pairs = byId('amounts', HTMLDivElement);
    for (const key of Object.keys(amountsOf(asked.preset, 'demo')) as (keyof Amounts)[]) {
      const { name, least, most } = RANGES[key];
      const input = h('input', { id: `amount-${key}`, type: 'number', inputmode: 'numeric', min: least, max: most, step: 1, required: true });
      this.amounts.set(key, input);
      pairs.append(h('label', { class: 'field' }, name, input));
    }
    this.fill(withChosen(amountsOf(asked.preset, asked.budget), asked.chosen));
    byId('adjust', HTMLDetailsElement).open = Object.keys(asked.chosen).length > 0;
    this.budget.addEventListener('change', () => {
      const { preset, name } = this.chosenBudget();
      this.fill(amountsOf(preset, name));
    });
  }

  private chosenBudget(): { preset: string; name: BudgetName } {
    const [preset, name] = this.budget.value.split(' ');
    return { preset, name: name as BudgetName };
  }

  private fill(amounts: Amounts): void {
    for (const [key, input] of this.amounts) input.value = Number.isNaN(amounts[key]) ? '' : String(amounts[key]);
    this.show(null);
  }

  private show(problem: string | null): void {
    this.error.hidden = problem === null;
    this.error.textContent = problem ?? '';
  }

  /** The settings, or null with the reason shown and the wrong field in focus. */
  read(): TrainSettings | null {
    const value = (input: HTMLInputElement) => (input.value.trim() === '' ? NaN : Number(input.value));
    const inputs = [this.seed, ...this.amounts.values()];
    for (const input of inputs) input.setAttribute('aria-invalid', String(!input.checkValidity()));
    try {
      const numbers = Object.fromEntries([...this.amounts].map(([key, input]) => [key, value(input)])) as unknown as Amounts;
      const settings = checkSettings({ preset: this.chosenBudget().preset, seed: value(this.seed), precision: this.precision.value as Precision, ...numbers });
      this.show(null);
      return settings;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.show(error.message);
      const wrong = inputs.find((input) => !input.checkValidity());
      if (wrong && wrong !== this.seed) byId('adjust', HTMLDetailsElement).open = true;
      wrong?.focus();
      return null;
    }
  }

  /** Locked while a run goes on. */
  set locked(locked: boolean) {
    for (const field of [this.budget, this.seed, this.precision, ...this.amounts.values()]) field.disabled = locked;
  }
}
