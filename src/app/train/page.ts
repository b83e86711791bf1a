/** The Train page: a form, a Worker that trains, and what it reports. */
import { missingWebGpu } from '../../platform/browser/gpu.js';
import { download } from '../../platform/browser/download.js';
import { byId, h } from '../shared/dom.js';
import { formatCount } from '../shared/format.js';
import type { Failure } from './failure.js';
import type { Phase, Report, TimedMetrics } from './protocol.js';
import { RunClient } from './run-client.js';
import type { TrainSettings } from './settings.js';
import { showFaces } from './view/face-panel.js';
import { LossChart } from './view/loss-chart.js';
import { MeasurePanel } from './view/measures.js';
import { showScores } from './view/score-table.js';
import { SettingsForm } from './view/settings-form.js';
import { StatusPanel } from './view/status-panel.js';
import { TuningPanel } from './view/tuning-panel.js';
import { showUnsupported } from './view/unsupported.js';

const PHASES: Readonly<Record<Phase, string>> = {
  faces: 'Drawing faces…',
  preparing: 'Preparing the training step…',
  training: 'Training…',
  features: 'Scoring: extracting features…',
  probes: 'Scoring: fitting probes…',
};

/** 'idle' before and after a run; 'tuning' while kernels are measured; 'stopping' until the step that the training is at has ended. */
type State = 'idle' | 'tuning' | 'running' | 'pausing' | 'paused' | 'stopping';

class TrainPage {
  private readonly form = new SettingsForm(new URLSearchParams(location.search));
  private readonly status = new StatusPanel();
  private readonly loss = new LossChart(byId('loss', HTMLDivElement));
  private readonly measures = new MeasurePanel(byId('measures', HTMLDivElement));
  private readonly startButton = byId('start', HTMLButtonElement);
  private readonly pauseButton = byId('pause', HTMLButtonElement);
  private readonly stopButton = byId('stop', HTMLButtonElement);
  private readonly tuning = new TuningPanel({ tune: () => this.tune(), cancel: () => this.client.cancelTune(), clear: () => this.client.clearTuned() });
  private readonly client = new RunClient((report) => this.receive(report));
  private state: State = 'idle';
  private phase: Phase = 'faces';
  private ready = false;
  private settings: TrainSettings | null = null;
  private metrics: TimedMetrics[] = [];
  private checkpoint: { step: number; bytes: Uint8Array<ArrayBuffer> } | null = null;

  constructor() {
    byId('settings', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.start();
    });
    this.pauseButton.addEventListener('click', () => this.pauseOrResume());
    this.stopButton.addEventListener('click', () => this.stop());
    byId('save-checkpoint', HTMLButtonElement).addEventListener('click', () => {
      if (this.checkpoint) download('checkpoint.safetensors', this.checkpoint.bytes, 'application/octet-stream');
    });
    byId('save-metrics', HTMLButtonElement).addEventListener('click', () => {
      download('metrics.jsonl', this.metrics.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''), 'application/x-ndjson');
    });
    addEventListener('beforeunload', (event) => {
      if (this.state !== 'idle') event.preventDefault();
    });
  }

  private setState(state: State): void {
    this.state = state;
    const training = this.phase === 'training';
    document.documentElement.dataset.state = state;
    this.startButton.disabled = !this.ready || state !== 'idle';
    this.pauseButton.disabled = !training || (state !== 'running' && state !== 'paused');
    this.pauseButton.textContent = state === 'paused' ? 'Resume' : 'Pause';
    this.stopButton.disabled = state === 'idle' || state === 'tuning' || state === 'stopping';
    this.tuning.set(this.ready && state === 'idle', state === 'tuning');
    this.form.locked = state !== 'idle';
    byId('save-metrics', HTMLButtonElement).disabled = this.metrics.length === 0;
    const save = byId('save-checkpoint', HTMLButtonElement);
    save.disabled = this.checkpoint === null;
    save.title = this.checkpoint ? `State after step ${formatCount(this.checkpoint.step)}` : '';
  }

  private start(): void {
    const settings = this.form.read();
    if (!settings || !this.ready || this.state !== 'idle') return;
    this.settings = settings;
    this.metrics = [];
    this.checkpoint = null;
    this.phase = 'faces';
    for (const id of ['failure', 'scores', 'faces']) byId(id, HTMLElement).hidden = true;
    this.showCharts(true);
    this.loss.clear(settings.steps);
    this.measures.clear(settings);
    this.status.clear(settings);
    this.status.say(PHASES.faces);
    this.client.start(settings);
    this.setState('running');
    this.stopButton.focus();
  }

  /** Measures kernels for the settings of the form; a training may follow, or go on without. */
  private tune(): void {
    const settings = this.form.read();
    if (!settings || !this.ready || this.state !== 'idle') return;
    byId('failure', HTMLElement).hidden = true;
    this.client.tune(settings);
    this.setState('tuning');
  }

  private pauseOrResume(): void {
    if (this.state === 'paused') {
      this.status.restartClock();
      this.client.resume();
      this.setState('running');
      this.sayTraining(PHASES.training);
    } else {
      this.client.pause();
      this.setState('pausing');
      this.sayTraining('Pausing after this step…');
    }
  }

  private stop(): void {
    if (this.phase === 'training' && this.metrics.length > 0) {
      this.client.stop();
      this.setState('stopping');
      this.sayTraining('Stopping after this step…');
      return;
    }
    // Before the first step nothing is lost, and while scoring the checkpoint is already here.
    this.client.replace();
    this.end(this.metrics.length > 0 ? 'Stopped without scores.' : 'Stopped before the first step.');
  }

  /** Charts while there is something to draw; before that, what a run does. */
  private showCharts(shown: boolean): void {
    byId('plan', HTMLElement).hidden = shown;
    for (const id of ['loss-card', 'measures-card']) byId(id, HTMLElement).hidden = !shown;
  }

  private end(text: string, progress = 0): void {
    this.showCharts(this.metrics.length > 0);
    this.status.say(text, progress);
    this.status.settle();
    this.setState('idle');
    this.startButton.focus({ preventScroll: true });
  }

  private sayTraining(text: string): void {
    this.status.say(text, this.settings ? this.metrics.length / this.settings.steps : 0);
  }

  private fail({ message, advice }: Failure): void {
    const panel = byId('failure', HTMLElement);
    const kept = this.checkpoint ? `The checkpoint of step ${formatCount(this.checkpoint.step)} is kept: you can download it.` : null;
    panel.replaceChildren(h('h2', {}, 'The run stopped'), h('p', {}, message), h('p', {}, advice), ...(kept === null ? [] : [h('p', {}, kept)]));
    panel.hidden = false;
    // Its device may be gone: the next run gets a Worker of its own.
    this.client.replace();
    this.end('Stopped by an error.');
  }

  private receive(report: Report): void {
    switch (report.kind) {
      case 'adapter':
        this.showAdapter(report.name, report.software);
        break;
      case 'unsupported':
        unsupported(report.problem);
        break;
      case 'tuned':
        this.tuning.show(report.summary);
        this.setState(this.state);
        break;
      case 'tuning':
        this.tuning.progress(report.done, report.total);
        break;
      case 'tuningEnded':
        this.setState('idle');
        break;
      case 'phase':
        this.phase = report.phase;
        this.status.say(PHASES[report.phase], report.phase === 'preparing' ? null : 0);
        this.setState(report.phase === 'features' ? 'running' : this.state);
        break;
      case 'progress':
        this.status.say(PHASES[report.phase], report.phase === 'probes' ? null : report.done / report.total);
        break;
      case 'faces':
        showFaces(byId('faces', HTMLElement), report.sample);
        break;
      case 'costs':
        this.status.showCosts(report.costs);
        break;
      case 'metrics':
        this.showStep(report.metrics);
        break;
      case 'paused':
        if (this.state === 'pausing') {
          this.setState('paused');
          this.sayTraining(`Paused after step ${formatCount(report.step)}.`);
        }
        break;
      case 'checkpoint':
        this.checkpoint = { step: report.step, bytes: report.bytes };
        this.setState(this.state);
        break;
      case 'scores':
        showScores(byId('scores', HTMLElement), report.scores);
        break;
      case 'ended':
        this.end(`Done: ${formatCount(this.metrics.length)} steps trained and scored.`, 1);
        break;
      case 'failed':
        this.fail(report);
        break;
    }
  }

  private showStep(metrics: TimedMetrics): void {
    if (!this.settings) return;
    this.metrics.push(metrics);
    this.loss.add(metrics);
    this.measures.add(metrics);
    this.status.showStep(metrics, this.settings);
    if (this.state === 'running') this.sayTraining(PHASES.training);
    if (this.metrics.length === 1) this.setState(this.state);
  }

  private showAdapter(name: string, software: boolean): void {
    byId('adapter', HTMLParagraphElement).replaceChildren(`Adapter: ${name}`, software ? h('span', { class: 'badge' }, 'software: runs on the CPU, slowly') : '');
    this.ready = true;
    this.setState(this.state);
  }
}

/** Shows how to get WebGPU in place of the whole workbench. */
function unsupported(problem: Parameters<typeof showUnsupported>[1]): void {
  byId('workbench', HTMLDivElement).hidden = true;
  byId('adapter', HTMLParagraphElement).textContent = 'No WebGPU';
  showUnsupported(byId('unsupported', HTMLElement), problem);
}

const problem = missingWebGpu();
if (problem) unsupported(problem);
else new TrainPage();
