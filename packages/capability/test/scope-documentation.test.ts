import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONSTRAINTS } from '../src/constraints/constraint-table.ts'
import { coversScope } from '../src/scopes/scope.ts'
import { ACTION_FIRST, compileAliases } from '../src/scopes/scope-aliases.ts'

function page(name: string): string {
  return readFileSync(join(__dirname, '../../../docs/protocol', name), 'utf8')
}

describe('docs/protocol/scopes.md', () => {
  const rows = [...page('scopes.md').matchAll(/^\| `([^`]+)` \| `([^`]+)` \| (yes|no) \|/gm)]

  it('has a table of what covers what', () => {
    expect(rows.length).toBeGreaterThan(12)
  })

  it.each(rows.map(([, granted = '', required = '', covered]) => [granted, required, covered] as const))(
    '%s, %s: %s',
    (granted, required, covered) => {
      expect(coversScope(granted, required)).toBe(covered === 'yes')
    },
  )

  it('tells the truth about names that begin with the action', () => {
    const rename = compileAliases(ACTION_FIRST)
    expect([rename('read:customer_records'), rename('pr.create')]).toEqual(['customer_records:read', 'pr:create'])
  })
})

describe('docs/protocol/constraints.md', () => {
  it.each([...CONSTRAINTS.keys()])('names %s', (name) => {
    const text = page('constraints.md')
    const short = name.replace(/^max_requests/, '')
    expect(text.includes(`\`${name}\``) || text.includes(`\`${short}\``)).toBe(true)
  })
})
