import { DeviceError, InputError, ZygoError } from '../../engine/errors.js';

/** What went wrong and what a person can do about it, in words. */
export interface Failure {
  readonly message: string;
  readonly advice: string;
}

/** An error of a run as the page shows it. */
export function describeFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  if (/out of memory|allocation failed/i.test(text)) {
    return { message: `The GPU ran out of memory. (${text})`, advice: 'Choose fewer faces per step, or close other programs that use the GPU, and start again.' };
  }
  if (/(is|was) lost/i.test(text)) {
    return {
      message: 'The GPU device was lost: the browser took it away, or the graphics driver restarted.',
      advice: 'Start again; if that fails, reload the page. If it happens each time, fewer faces per step may help.',
    };
  }
  if (/the loss is/i.test(text)) {
    return { message: text, advice: 'The training diverged: another seed, or more faces per step, may go through.' };
  }
  if (error instanceof InputError) return { message: text, advice: 'Change the setting and start again.' };
  if (error instanceof DeviceError) return { message: text, advice: 'Reload the page; an update of the browser or of the graphics driver may help.' };
  if (error instanceof ZygoError) return { message: text, advice: 'This is a fault in Zygo, not in your settings. The console has more.' };
  return { message: `Something unexpected happened: ${text}`, advice: 'This is a fault in Zygo, not in your settings. The console has more.' };
}
