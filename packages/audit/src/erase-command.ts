import { type Command, EXIT } from './command.ts'
import { maintain } from './maintain.ts'
import { eraseSubject } from './retention/erase-subject.ts'
import { fileStore } from './retention/file-store.ts'

/** `erase --subject USER FILE…`: forgets a person in files that nobody writes. */
export const eraseCommand: Command = async (input, { stdout }) => {
  const { subject } = input.options
  if (typeof subject !== 'string' || subject === '') throw new TypeError('erase needs --subject, the user to forget')
  const { records } = await maintain(input, (record) => eraseSubject(fileStore(input.files), { subject, record }))
  stdout.write(`erased what ${records} records held about the subject; every chain holds as before\n`)
  return EXIT.intact
}
