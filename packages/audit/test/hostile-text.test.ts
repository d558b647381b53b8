import { canonicalJson } from '@countermark/core/internal'
import { aRequest } from '@countermark/testing'
import fc from 'fast-check'
import { fileSink } from '../src/index.ts'
import { Chain } from '../src/record/chain.ts'
import { readDecision } from '../src/record/read-decision.ts'
import { parseLine } from '../src/record/read-trail.ts'
import { writeDecision } from '../src/record/write-decision.ts'
import { readTrailOptions } from '../src/trail/trail-options.ts'
import { aDecision } from './written-trail.ts'

const { rules } = readTrailOptions({ sinks: [fileSink({ path: '/nowhere/audit.ndjson' })] })

function lineFor(text: string): string {
  const { facts } = aDecision()
  const decision = aDecision({
    facts: {
      ...facts,
      agent: { id: text, level: 'bearer', scheme: 'bearer', record: { id: text, state: 'active', version: text } },
      ...(facts.delegation === undefined ? {} : { delegation: { ...facts.delegation, subject: text, scopes: [text] } }),
    },
    request: aRequest({ target: `/${text}`, method: text }),
  })
  return new Chain('20260101T000000Z-0000000000000000').seal(
    writeDecision(readDecision(decision, rules, undefined), 'x.1', rules.mask),
  ).line
}

/** Whatever a terminal or an editor acts upon. */
const HOSTILE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u

describe('a text that somebody else chose', () => {
  it.each([
    '\u001b[2J\u009b31m',
    'a\r\nb\n{"forged":true}',
    '\u2028\u2029\u0085',
    '\u202egpj.exe\u2066',
    '\ud800 lone \udfff',
    '\u0000',
    '"},{"x":"',
    '\ufeff',
  ])('%j stays one line without anything that acts on a terminal', (text) => {
    const line = lineFor(text)
    expect([HOSTILE.test(line), line.includes('\n'), parseLine(Buffer.from(line)) === undefined]).toEqual([
      false,
      false,
      false,
    ])
  })

  it('is one whatever it is, and the record is canonical', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const line = lineFor(text)
        const sealed = parseLine(Buffer.from(line))
        return sealed !== undefined && !HOSTILE.test(line) && canonicalJson(sealed.record) !== ''
      }),
      { numRuns: 500 },
    )
  })

  it('is cut when it is long, and shows that', () => {
    const sealed = parseLine(Buffer.from(lineFor('x'.repeat(1e5))))
    expect(sealed?.record).toMatchObject({ agent: { id: `${'x'.repeat(255)}…` } })
    expect(lineFor('x'.repeat(1e6)).length).toBeLessThan(16_000)
  })
})
