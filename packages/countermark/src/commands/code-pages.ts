import { readFileSync } from 'node:fs'
import { findDocsFile, REFUSAL_CODES } from '@countermark/core/internal'
import { CommandError } from './errors.ts'

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
  const page = findDocsFile('refusals.md')
  if (page === undefined) throw new CommandError('the page of refusal codes is missing from this installation')
  return readFileSync(new URL(page), 'utf8')
}
