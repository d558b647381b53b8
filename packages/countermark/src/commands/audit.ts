import { runCommand } from '@countermark/audit/command'
import { Command } from 'commander'
import { type CommandContext, examples } from './command-context.ts'

/** `countermark audit`: verify, show, report, erase and prune, as `countermark-audit` does. */
export function auditCommand({ terminal, exit }: CommandContext): Command {
  return new Command('audit')
    .summary('verify, show, report on, erase from or prune an audit trail')
    .argument('[arguments...]', 'verify, show, report, erase or prune, and what they take; none for how')
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'countermark audit verify --checkpoints checkpoints.ndjson --key checkpoint.pub.pem audit.ndjson',
        'countermark audit show REQUEST-ID audit.ndjson',
      ),
    )
    .action(async (args: readonly string[]) => exit(await runCommand(args, terminal)))
}
