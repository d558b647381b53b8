import { readFileSync } from 'node:fs'
import { REFUSAL_CODES } from '@countermark/core/internal'
import { CommandError } from './errors.ts'

/** Where the page of all codes lies: beside the program when it is installed, among the docs in the repository. */
const PLACES = ['./refusals.md', '../../../../docs/refusals.md']

/** Whether a word is one of our codes. */
export function isRefusalCode(word: string): boolean {
  return Object.hasOwn(REFUSAL_CODES, word)
}

/**
 * What the documentation says of a code, without its tables.
 * @throws CommandError
 */
export function pageOf(code: string): string {
  const page = readPage()
  const start = page.indexOf(`\n## ${code}\n`)
  if (start < 0) throw new CommandError(`docs/refusals.md has no heading ${code}`)
  const section = page.slice(start).split(/\n## /, 2)[1] ?? ''
  const paragraphs = section.split('\n\n').filter((paragraph) => !paragraph.startsWith('|'))
  return paragraphs.slice(1).join('\n\n').trim()
}

function readPage(): string {
  for (const place of PLACES) {
    try {
      return readFileSync(new URL(place, import.meta.url), 'utf8')
    } catch {
      // The next place has it.
    }
  }
  throw new CommandError('the page of refusal codes is missing from this installation')
}
