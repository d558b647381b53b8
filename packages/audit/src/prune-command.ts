import { type Command, type CommandInput, EXIT } from './command.ts'
import { maintain } from './maintain.ts'
import { fileStore } from './retention/file-store.ts'
import { pruneRecords } from './retention/prune-records.ts'

/** `prune --keep CLASS=DAYS… FILE…`: leaves places of records past their time, in files that nobody writes. */
export const pruneCommand: Command = async (input, { stdout }) => {
  const keepDays = readKeep(input.options['keep'])
  const { records } = await maintain(input, (record) => pruneRecords(fileStore(input.files), { keepDays, record }))
  stdout.write(`pruned ${records} records; every chain holds as before\n`)
  return EXIT.intact
}

function readKeep(rows: CommandInput['options'][string]): Readonly<Record<string, number>> {
  if (!Array.isArray(rows)) throw new TypeError('prune needs --keep CLASS=DAYS for each class, such as --keep phi=2190')
  return Object.fromEntries(
    rows.map((row) => {
      const [, name, days] = /^(\*|[a-z][a-z0-9_-]*)=([0-9]+)$/.exec(String(row)) ?? []
      if (name === undefined) throw new TypeError('--keep is CLASS=DAYS, such as phi=2190, event=365 or *=365')
      return [name, Number(days)]
    }),
  )
}
