import { Command } from 'commander'
import { type CommandContext, examples } from '../command-context.ts'
import { addReviewParts } from './review.ts'
import { serveCommand } from './serve.ts'

/** `countermark risk`: behaviour as a service, and what people decide there. */
export function riskCommand(context: CommandContext): Command {
  const command = new Command('risk')
    .summary('run the service that judges behaviour; see, raise, lower, clear, freeze and expect levels')
    .description('Without a further word it runs the service. The other words ask one that runs.')
    .addHelpText(
      'after',
      examples(
        'export COUNTERMARK_RISK_TOKENS="orders:scores+events:$DOOR_TOKEN,rita:read+reviews:$RITA_TOKEN"',
        'countermark risk --snapshot levels.ndjson --events audit.ndjson --alerts https://alerts.example.com/risk',
        'countermark risk levels --service http://127.0.0.1:7070',
        'countermark risk show agt_7f2k9x',
        'countermark risk raise agt_7f2k9x block --why "key was stolen" --for 86400',
        'countermark risk clear agt_7f2k9x --why "it has a new key"',
      ),
    )
  command.addCommand(serveCommand(context), { isDefault: true })
  addReviewParts(command, context)
  return command
}
