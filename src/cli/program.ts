/** The program and its subcommands, with everything that --help shows. */
import { Command, type CommanderError } from 'commander';
import { conformanceCommand } from './commands/conformance.js';
import { evalCommand } from './commands/eval.js';
import { facesCommand } from './commands/faces.js';
import { trainCommand } from './commands/train.js';
import { tuneCommand } from './commands/tune.js';
import { verifyCommand } from './commands/verify.js';
import { CommandFailure, EXIT } from './failure.js';
import { zygoVersion } from './version.js';

const DESCRIPTION =
  'Zygo learns facial action units (AUs) without labels, on a hand-written WebGPU engine: it renders or reads faces, trains, ' +
  'and probes what was learned on people it has never seen.';

const EXAMPLES = `
Examples:
  zygo train --preset tiny --budget demo         train a few minutes on synthetic faces and see the F1 table
  zygo train --data my-faces                     train on a folder of images with labels.csv and landmarks.csv
  zygo faces --out faces --count 64 --seed 1     render synthetic faces with labels and landmarks
  zygo eval runs/my-run/checkpoint.safetensors   probe a checkpoint again

Exit codes: 0 done, 1 failed on the way, 2 something given cannot be used, 130 stopped by Ctrl-C.
From a checkout, "npm run zygo -- train --preset tiny" builds and runs the same command.`;

/** Commander's "error: unknown option '--x'\n(Did you mean --y?)" as a sentence that says where to look. */
function usageSentence({ code, message }: CommanderError, command: string): string {
  if (code === 'commander.help') return 'No command was given: expected one of the above, such as zygo train --preset tiny.';
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ').replace(/\.$/, '').trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}: expected what "${command} --help" lists.`;
}

/** Errors are thrown, not printed: main tells them in one place. */
function quiet(command: Command, name: string): Command {
  command
    .exitOverride((error) => {
      // Help and version that were asked for are no error.
      throw error.exitCode === 0 ? error : new CommandFailure(EXIT.badInput, usageSentence(error, name), { cause: error });
    })
    .configureOutput({ outputError: () => {} })
    .helpOption('-h, --help', 'show this help')
    .showSuggestionAfterError();
  for (const child of command.commands) quiet(child as Command, `${name} ${child.name()}`);
  return command;
}

/** The `serve` command of the app, where this build has it. */
async function serveCommand(): Promise<Command | null> {
  const file = './commands/serve.js';
  try {
    return ((await import(file)) as { serveCommand(): Command }).serveCommand();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** @throws {InputError} from option readers while it parses; CommanderError for the rest */
export async function makeProgram(): Promise<Command> {
  const program = new Command('zygo')
    .description(DESCRIPTION)
    .version(zygoVersion(), '-V, --version', 'show the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES)
    .addCommand(trainCommand())
    .addCommand(facesCommand())
    .addCommand(evalCommand())
    .addCommand(conformanceCommand())
    .addCommand(verifyCommand())
    .addCommand(tuneCommand());
  const serve = await serveCommand();
  if (serve) program.addCommand(serve);
  return quiet(program, 'zygo');
}
