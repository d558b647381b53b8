import { parseArgs } from 'node:util'
import { type Command, type CommandOutput, EXIT } from './command.ts'
import { eraseCommand } from './erase-command.ts'
import { pruneCommand } from './prune-command.ts'
import { reportCommand } from './report-command.ts'
import { showCommand } from './show-command.ts'
import { verifyCommand } from './verify-command.ts'

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['verify', verifyCommand],
  ['show', showCommand],
  ['report', reportCommand],
  ['erase', eraseCommand],
  ['prune', pruneCommand],
])

const USAGE = `usage:
  countermark-audit verify [--checkpoints FILE]… [--key FILE]… [--partial] [--json] FILE…
  countermark-audit show ID [--checkpoints FILE]… [--key FILE]… [--bundle OUT] FILE…
  countermark-audit report --regulation sox|hipaa|gdpr|pci [--checkpoints FILE]… [--key FILE]… [--json] FILE…
  countermark-audit erase --subject USER [--log FILE] FILE…
  countermark-audit prune --keep CLASS=DAYS… [--log FILE] FILE…

  --checkpoints FILE  signed checkpoints, as fileAnchor writes them
  --key FILE          public Ed25519 key that signs them, in PEM or as a JWK
  --partial           older files were taken away on purpose
  --bundle OUT        write the evidence of the decision as one JSON file
  --keep CLASS=DAYS   how long records of a class of data are kept; event and * stand for events and everything else
  --log FILE          where erasing and pruning are recorded, instead of behind the last file

erase and prune change files: take finished ones, or stop the process that writes them

exit codes: 0 no alteration found, 1 tampered, 2 usage or unreadable
`

/** Runs one command of the command line. Never throws. */
export async function runCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [name = '', ...files] = positionals
    const command = COMMANDS.get(name)
    if (values.help === true || command === undefined || files.length === 0) {
      output.stderr.write(USAGE)
      return values.help === true ? EXIT.intact : EXIT.unusable
    }
    return await command({ files, options: values }, output)
  } catch (error) {
    output.stderr.write(`countermark-audit: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.unusable
  }
}

const OPTIONS = {
  checkpoints: { type: 'string', multiple: true },
  key: { type: 'string', multiple: true },
  bundle: { type: 'string' },
  partial: { type: 'boolean' },
  json: { type: 'boolean' },
  regulation: { type: 'string' },
  subject: { type: 'string' },
  keep: { type: 'string', multiple: true },
  log: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const
