import { writeFile } from 'node:fs/promises'
import { printable } from '../record/bounded-text.ts'
import { evidenceBundle, findRecord } from '../verify/find-record.ts'
import { type Command, EXIT } from './command.ts'
import { commandAnchors } from './command-anchors.ts'
import { recordText } from './show-text.ts'

/** `show ID FILE…`: one decision for a person, and with `--bundle` its evidence for a machine. */
export const showCommand: Command = async (input, { stdout }) => {
  const [id = '', ...files] = input.files
  if (files.length === 0) throw new TypeError('show needs the id of a record or a request, and the files of the trail')
  const anchors = await commandAnchors(input)
  const found = await findRecord(files, id, anchors)
  if (found === undefined) throw new TypeError(`no record ${JSON.stringify(id)} in these files`)
  stdout.write(recordText(found))
  for (const problem of anchors.problems) stdout.write(`${printable(`CHECKPOINT   ${problem}`)}\n`)
  const { bundle } = input.options
  // It holds personal data: whoever may read it, its owner decides.
  if (typeof bundle === 'string') await writeFile(bundle, `${JSON.stringify(evidenceBundle(found))}\n`, { mode: 0o600 })
  return found.findings.length + anchors.problems.length === 0 ? EXIT.intact : EXIT.tampered
}
