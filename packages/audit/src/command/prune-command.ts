import { pruneRecords } from '../retention/prune-records.ts'
import type { Command, CommandInput } from './command.ts'
import { maintain } from './maintain.ts'

/** `prune --keep CLASS=DAYS… FILE…`: leaves places of records past their time, in files that nobody writes. */
export const pruneCommand: Command = async (input, output) => {
  const keepDays = readKeep(input.options['keep'])
  return maintain(input, output, async (store, record) => {
    const { records } = await pruneRecords(store, { keepDays, record })
    return `pruned ${records} records; every chain holds as before`
  })
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
