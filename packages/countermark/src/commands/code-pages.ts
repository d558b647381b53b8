import { existsSync, readFileSync } from 'node:fs'
import { findDocsFile, REFUSAL_CODES } from '@countermark/core/internal'
import { CommandError } from './errors.ts'

/** Whether a word is a code of a guard, or of the authority. */
export function isRefusalCode(word: string): boolean {
  return Object.hasOwn(REFUSAL_CODES, word) || findSection(readAuthorityPage(), word) !== undefined
}

/**
 * What the documentation says of a code, without its tables.
 * @throws CommandError
 */
export function pageOf(code: string): string {
  const section = findSection(readPage(), code) ?? findSection(readAuthorityPage(), code)
  if (section === undefined) throw new CommandError(`docs/refusals.md has no heading ${code}`)
  return section
}

function findSection(page: string, code: string): string | undefined {
  if (!/^[a-z_]{1,64}$/.test(code)) return undefined
  const start = page.indexOf(`\n## ${code}\n`)
  if (start < 0) return undefined
  const section = page.slice(start).split(/\n## /, 2)[1] ?? ''
  const paragraphs = section.split('\n\n').filter((paragraph) => !paragraph.startsWith('|'))
  return paragraphs.slice(1).join('\n\n').trim()
}

function readPage(): string {
  const page = findDocsFile('refusals.md')
  if (page === undefined) throw new CommandError('the page of refusal codes is missing from this installation')
  return readFileSync(new URL(page), 'utf8')
}

/** Installed, the pages lie beside `dist`; in the repository they are the docs. */
const FOLDERS = ['../docs/', '../../../../docs/']

function readAuthorityPage(): string {
  const places = FOLDERS.map((folder) => new URL(`${folder}authority-refusals.md`, import.meta.url))
  const page = places.find((place) => existsSync(place))
  return page === undefined ? '' : readFileSync(page, 'utf8')
}
