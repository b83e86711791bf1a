import { Command } from 'commander';
import { adapterOption, subgroupMatrixOption, verboseOption } from '../options.js';
import type { VerifyOptions } from '../verify/run.js';

const EXAMPLES = `
Every op runs on small inputs, forward and backward, in the variant that this adapter's rules choose and then in every
other variant that the adapter offers, and is compared with the same op in float64. An error is relative to the
largest magnitude of the output; the table shows the output that comes nearest to its tolerance. Variants that the
adapter does not offer are listed with what they need. The table is plain text: paste it into a bug report.

Exit codes: 0 all passed, 1 a kernel failed, 2 there is no adapter or an option cannot be used.

Examples:
  zygo verify
  zygo verify --json verify.json
  zygo verify --filter attention                 only ops and shapes that hold the word`;

/** `zygo verify`: every kernel and variant on this machine's adapter against float64. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description("Compare every kernel and every variant of it on this machine's adapter with float64 references; about a minute.")
    .option('--json <file>', 'also write the table, with every output, into this file')
    .option('--filter <text>', 'only cases whose op or shapes hold this text')
    .addOption(subgroupMatrixOption())
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: VerifyOptions) => (await import('../verify/run.js')).runVerify(options));
}
