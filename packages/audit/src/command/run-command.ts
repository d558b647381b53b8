import { parseArgs } from 'node:util'
import { type Command, type CommandOutput, EXIT } from './command.ts'
import { eraseCommand, pruneCommand } from './maintenance.ts'
import { showCommand } from './show-command.ts'
import { reportCommand, verifyCommand } from './verify-and-report.ts'

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['verify', verifyCommand],
  ['show', showCommand],
  ['report', reportCommand],
  ['erase', eraseCommand],
  ['prune', pruneCommand],
])

const USAGE = `usage:
  countermark-audit verify [TRUST] [--require-anchored] [--partial] [--allow-empty] [--json] FILE…
  countermark-audit show ID [TRUST] [--bundle OUT] FILE…
  countermark-audit report --regulation sox|hipaa|gdpr|pci [TRUST] [--partial] [--json] FILE…
  countermark-audit erase --subject USER [--pseudonym-key FILE] [TRUST --sign FILE] [--partial] [--log FILE] FILE…
  countermark-audit prune --keep CLASS=DAYS… [TRUST --sign FILE] [--partial] [--log FILE] FILE…

  TRUST               --checkpoints FILE… --key FILE…

  --checkpoints FILE  signed checkpoints, as fileAnchor writes them
  --key FILE          public Ed25519 key that signs them, in PEM or as a JWK
  --require-anchored  a record that no checkpoint vouches for is a finding
  --partial           older files were taken away on purpose: chains older than the first record may lack records
  --allow-empty       a trail without a record is no finding
  --bundle OUT        write the evidence of the decision as one JSON file
  --keep CLASS=DAYS   how long records of a class of data are kept; event and * stand for events and everything else
  --pseudonym-key     the key of the pseudonyms that the trail holds instead of users
  --sign FILE         private key of checkpoints: anchors what erase and prune record, in the first of --checkpoints
  --log FILE          where erasing and pruning are recorded, instead of behind the last file

erase and prune verify first, and change files: take finished ones, or stop the process that writes them

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
  sign: { type: 'string' },
  'pseudonym-key': { type: 'string' },
  partial: { type: 'boolean' },
  'require-anchored': { type: 'boolean' },
  'allow-empty': { type: 'boolean' },
  json: { type: 'boolean' },
  regulation: { type: 'string' },
  subject: { type: 'string' },
  keep: { type: 'string', multiple: true },
  log: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const
