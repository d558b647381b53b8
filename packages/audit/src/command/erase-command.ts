import { readFile } from 'node:fs/promises'
import { eraseSubject } from '../retention/erase-subject.ts'
import type { Command } from './command.ts'
import { maintain } from './maintain.ts'

/** `erase --subject USER FILE…`: forgets a person in files that nobody writes. */
export const eraseCommand: Command = async (input, output) => {
  const { subject, 'pseudonym-key': keyPath } = input.options
  if (typeof subject !== 'string' || subject === '') throw new TypeError('erase needs --subject, the user to forget')
  const pseudonyms = typeof keyPath === 'string' ? { pseudonymKey: await readFile(keyPath) } : {}
  return maintain(input, output, async (store, record) => {
    const { records } = await eraseSubject(store, { subject, record, ...pseudonyms })
    return `erased what ${records} records held about the subject; every chain holds as before`
  })
}
