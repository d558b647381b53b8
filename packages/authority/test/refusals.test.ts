import { readFileSync } from 'node:fs'
import { AUTHORITY_CODES } from '../src/http/codes.ts'

describe('docs/authority-refusals.md', () => {
  const text = readFileSync('docs/authority-refusals.md', 'utf8')

  it('has a heading for every code, in the order of the table', () => {
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(Object.keys(AUTHORITY_CODES))
  })

  it.each(Object.entries(AUTHORITY_CODES))('states the status of %s', (code, { status }) => {
    const section = text.split(`\n## ${code}\n`)[1]?.split('\n## ')[0]
    expect(section).toMatch(new RegExp(`^\\n${status}\\. `))
  })
})
