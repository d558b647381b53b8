import { Command, CommanderError } from 'commander'
import { agentCommand } from './agent.ts'
import { approvalsCommand } from './approvals.ts'
import { auditCommand } from './audit.ts'
import { authorityCommand } from './authority/authority.ts'
import { devCommand } from './authority/dev.ts'
import { canICommand } from './can-i.ts'
import type { CommandContext, CreateCommand } from './command-context.ts'
import { curlCommand } from './curl.ts'
import { doctorCommand } from './doctor.ts'
import { CommandError, reasonOf } from './errors.ts'
import { explainCommand } from './explain.ts'
import { initCommand } from './init.ts'
import { keyCommand } from './key.ts'
import { keygenCommand } from './keygen.ts'
import { planCommand } from './plan.ts'
import { reportCommand } from './report.ts'
import { reviewCommand } from './review.ts'
import { riskCommand } from './risk/risk.ts'
import { routesCommand } from './routes.ts'
import { scanCommand } from './scan.ts'
import { signCommand } from './sign.ts'
import { stopCommand } from './stop.ts'
import { personCommand, roleCommand, tenantCommand } from './tenant.ts'
import { EXIT, paint, type Terminal, warn } from './terminal.ts'
import { tokenCommand } from './token.ts'

const COMMANDS: readonly CreateCommand[] = [
  initCommand,
  keygenCommand,
  curlCommand,
  signCommand,
  explainCommand,
  canICommand,
  doctorCommand,
  scanCommand,
  reportCommand,
  planCommand,
  routesCommand,
  auditCommand,
  devCommand,
  authorityCommand,
  tenantCommand,
  personCommand,
  roleCommand,
  agentCommand,
  keyCommand,
  stopCommand,
  approvalsCommand,
  tokenCommand,
  reviewCommand,
  riskCommand,
]

/**
 * Runs one command of the command line. Never throws.
 * @returns the exit code: 0 it is so, 1 it is not or was refused, 2 misused or unreachable
 */
export async function runCountermark(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = EXIT.yes
  const exit = (ended: number): void => {
    code = ended
  }
  try {
    await createProgram({ terminal, exit }).parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    return tell(terminal, error)
  }
}

function createProgram(context: CommandContext): Command {
  const { stdout, stderr } = context.terminal
  const program = new Command('countermark')
    .description('Guard an Express or Koa backend against agents, call one as an agent, and find out why it said no.')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', '\nExit codes: 0 it is so, 1 it is not or was refused, 2 misused or unreachable.')
  for (const create of COMMANDS) program.addCommand(create(context))
  for (const command of withParts(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({
        writeOut: (text) => stdout.write(text),
        writeErr: (text) => stderr.write(text),
      })
  }
  return program
}

/** A command, and the commands inside of it. */
function withParts(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withParts)]
}

function tell(terminal: Terminal, error: unknown): number {
  // Commander has written what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.yes : EXIT.unusable
  const message = error instanceof CommandError ? error.message : reasonOf(error)
  warn(terminal, `${paint(terminal, 'bad', 'countermark:')} ${message}`)
  if (error instanceof CommandError && error.hint !== undefined) warn(terminal, `  ${error.hint}`)
  return EXIT.unusable
}
