import { writeFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { canonicalJson } from '@countermark/core/internal'
import { runCommand } from '../src/command/run-command.ts'
import { contentHash, firstPrevious, lineOf, linkHash, type SealedMembers } from '../src/record/chain.ts'
import { type WrittenTrail, writeTrail } from './written-trail.ts'

const CHAIN = '20261130T000000Z-0123456789abcdef'

async function run(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runCommand(args, { stdout, stderr })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

/** The first record of a chain with hashes that fit, whatever the record is. */
function lineWith(record: object, values: object = {}): string {
  const previous = firstPrevious(CHAIN)
  const hash = linkHash({ chain: CHAIN, seq: 1, previous, content: contentHash(canonicalJson(record)) })
  return lineOf({ chain: CHAIN, seq: 1, previous, hash, record, private: values } as SealedMembers)
}

/** Hashes cannot be computed of what canonical JSON does not take, so these are invented. */
function deepEvent(depth: number): string {
  const details = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  const record = `{"at":"x","commitments":{},"details":${details},"event":"e","id":"x","type":"event","v":1}`
  return `{"chain":"${CHAIN}","hash":"x","previous":"x","private":{},"record":${record},"seq":1}`
}

const BASE = { v: 1, id: 'x', at: '2026-01-01T00:00:00.000Z', commitments: {} }
const DECISION = {
  ...{ ...BASE, type: 'decision', requestId: 'req_x', decision: 'allow', check: 'c', configuration: 'c' },
  ...{ action: { method: 'GET' }, resource: { authority: 'a' }, evidence: { grade: 'none' } },
}

const MALFORMED: readonly (readonly [string, string])[] = [
  ['a decision that says nothing', lineWith({ ...BASE, type: 'decision' })],
  ['a decision without a resource', lineWith({ ...DECISION, resource: null })],
  ['a decision without an action', lineWith({ ...DECISION, action: 'GET' })],
  ['evidence that is a text', lineWith({ ...DECISION, evidence: 'signature' })],
  ['evidence whose grade is a number', lineWith({ ...DECISION, evidence: { grade: 7 } })],
  ['a delegation that is a list', lineWith({ ...DECISION, delegation: [] })],
  ['a decision that is none', lineWith({ ...DECISION, decision: '__proto__' })],
  ['an agent without an id', lineWith({ ...DECISION, agent: { level: 'signed', scheme: 'httpsig' } })],
  ['an event without details', lineWith({ ...BASE, type: 'event', event: 'trail_started' })],
  ['an event whose details are null', lineWith({ ...BASE, type: 'event', event: 'records_pruned', details: null })],
  ['commitments that are numbers', lineWith({ ...DECISION, commitments: { user: 7 } })],
  ['an outcome without a status', lineWith({ v: 1, id: 'x', at: 'x', type: 'outcome', of: 'y', requestId: 'z' })],
  ['another version', lineWith({ ...DECISION, v: 2 })],
  ['a further member beside those of a line', lineWith(DECISION).replace(/\}$/, ',"zz":1}')],

  ['an event nested deeper than canonical JSON', deepEvent(40)],
  ['null', 'null'],
  ['a list', '[]'],
  ['nothing', ''],
  ['a thousand times deeper than any record', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
]

/** Of the right form, and false. */
const FALSE: readonly (readonly [string, string])[] = [
  ['evidence without what was signed', lineWith({ ...DECISION, evidence: { grade: 'signature' } })],
  [
    'a key that is none',
    lineWith(
      { ...DECISION, evidence: { grade: 'signature', publicKey: { kty: 'OKP' } }, commitments: { signed: 'x' } },
      { signed: { salt: 's', value: 'AAAA\nbase' } },
    ),
  ],
]

describe('an attacker', () => {
  let trail: WrittenTrail
  beforeAll(async () => {
    trail = await writeTrail({ decisions: 2 })
  })
  afterAll(() => trail.remove())

  it.each([...MALFORMED, ...FALSE])('who writes %s gets "tampered" from every command', async (_what, line) => {
    const path = `${trail.path}.hostile`
    await writeFile(path, `${line}\n${trail.lines.join('\n')}\n`)
    for (const args of [['verify'], ['report', '--regulation', 'gdpr'], ['erase', '--subject', 'user_17']]) {
      const { code, out, err } = await run(...args, path)
      expect([code, out.includes('TAMPERED'), err]).toEqual([1, true, ''])
    }
    expect((await run('show', 'req_0_0', path)).code).toBe(0)
  })

  it.each(['{', '[null,7,{"id":[]}]', '{"id":"x"}'])('cannot make show fail by the actors %s', async (value) => {
    const path = `${trail.path}.actors`
    const delegation = { issuer: 'i', depth: 1, scopes: [], binding: 'none', issuedAt: 'x', expiresAt: 'y' }
    await writeFile(path, `${lineWith({ ...DECISION, delegation }, { actors: { salt: 's', value } })}\n`)
    const { code, out, err } = await run('show', 'req_x', path)
    expect([code, out.includes('TAMPERED:'), err]).toEqual([1, true, ''])
  })

  it('cannot hide events behind names that every object has', async () => {
    const path = `${trail.path}.names`
    const event = {
      ...BASE,
      type: 'event',
      event: 'constructor',
      details: { ranges: JSON.parse('{"__proto__":[[1,2]]}') },
    }
    await writeFile(path, `${lineWith(event)}\n`)
    const { code, out } = await run('report', '--regulation', 'pci', '--json', path)
    expect([code, JSON.parse(out).summary.events]).toEqual([0, { constructor: 1 }])
  })
})
