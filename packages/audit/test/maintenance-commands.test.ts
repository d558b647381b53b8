import { writeFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { Refusal } from '@countermark/core'
import { createFakeClock, createTempFolder, type TempFolder } from '@countermark/testing'
import { runCommand } from '../src/command/run-command.ts'
import { auditTrail, dataClasses, fileSink } from '../src/index.ts'
import { aDecision } from './written-trail.ts'

async function run(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runCommand(args, { stdout, stderr })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

let folder: TempFolder
let path: string
beforeEach(async () => {
  folder = await createTempFolder()
  path = `${folder.path}/audit.ndjson`
})
afterEach(() => folder.remove())

/** Allowed and refused requests, an approval, an event of administration. */
async function writeTrail(classes: Readonly<Record<string, string>> = { '/orders/*': 'phi' }): Promise<void> {
  const trail = auditTrail({ sinks: [fileSink({ path })], clock: createFakeClock(), dataClass: dataClasses(classes) })
  await trail.ready()
  const approval = { issuer: 'https://auth.example.com', ticketId: 'tic_1' }
  const { facts } = aDecision()
  void trail.record(aDecision())
  void trail.record(aDecision({ facts: { ...facts, capability: { used: ['orders:read'], approval } } }))
  for (const [code, status] of [
    ['credentials_missing', 401],
    ['insufficient_scope', 403],
  ] as const) {
    void trail.record(aDecision({ outcome: 'deny', refusal: new Refusal(code, 'refused'), status, facts: {} }))
  }
  await trail.event({ event: 'token_revoked', details: { tokenId: 'dlg_1' }, private: { user: 'user_17' } })
  await trail.close()
}

interface ReportedClause {
  readonly clause: string
  readonly answer: string
  readonly shows: string
  readonly gap?: string
}

async function reportOf(regulation: string): Promise<ReadonlyMap<string, ReportedClause>> {
  const { out } = await run('report', '--regulation', regulation, '--json', path)
  const clauses: readonly ReportedClause[] = JSON.parse(out).clauses
  return new Map(clauses.map((clause) => [clause.clause, clause]))
}

describe('countermark-audit report', () => {
  it.each(['sox', 'hipaa', 'gdpr', 'pci'])(
    'names clauses of %s, what is shown, and what no trail can show',
    async (regulation) => {
      await writeTrail()
      const { code, out } = await run('report', '--regulation', regulation, path)
      expect(code).toBe(0)
      expect(out).toMatch(/\[shown\]/)
      expect(out).toContain('What no trail can show:')
      expect(out).toContain('no statement of compliance')
    },
  )

  it('counts what happened', async () => {
    await writeTrail()
    const hipaa = await reportOf('hipaa')
    expect(hipaa.get('164.312(b)')).toMatchObject({
      answer: 'shown',
      shows: expect.stringContaining(
        '4 decisions on requests (2 allowed, 2 refused, 0 only observed) of 1 agents for 1 users',
      ),
    })
    expect(hipaa.get('164.308(a)(5)(ii)(C)')?.shows).toBe(
      '1 refusals for want of a proven identity (401), 1 for want of a right (403)',
    )
    expect(hipaa.get('164.312(a)(2)(i)')).toMatchObject({
      answer: 'partly',
      shows: expect.stringContaining('2 decisions without'),
    })
    expect(hipaa.get('164.528')).toMatchObject({ answer: 'shown', shows: '4 decisions on routes tagged phi' })
    expect((await reportOf('sox')).get('Segregation of duties')).toMatchObject({
      answer: 'shown',
      shows: expect.stringMatching(/^1 /),
    })
    expect((await reportOf('pci')).get('10.2.1.2')).toMatchObject({ answer: 'shown', shows: '1 token_revoked' })
  })

  it('names what is not there', async () => {
    await writeTrail({})
    expect((await reportOf('hipaa')).get('164.528')).toMatchObject({
      answer: 'not_shown',
      gap: expect.stringContaining('phi'),
    })
    expect((await reportOf('hipaa')).get('164.316(b)(2)(i)')).toMatchObject({
      answer: 'partly',
      gap: expect.stringContaining('2190'),
    })
    expect((await reportOf('gdpr')).get('Art. 5(1)(e)')).toMatchObject({ answer: 'not_shown' })
    expect((await reportOf('hipaa')).get('164.312(c)(1)')).toMatchObject({
      answer: 'partly',
      gap: expect.stringContaining('checkpoints'),
    })
  })

  it('relies on nothing that was tampered with', async () => {
    await writeTrail()
    await writeFile(path, '{"chain":"forged"}\n', { flag: 'a' })
    const { code, out } = await run('report', '--regulation', 'pci', path)
    expect([code, out.includes('TAMPERED'), out.includes('[not shown] 10.3.2')]).toEqual([1, true, true])
  })

  it('asks which regulation', async () => {
    await writeTrail()
    const { code, err } = await run('report', '--regulation', 'ccpa', path)
    expect([code, err.includes('sox, hipaa, gdpr or pci')]).toEqual([2, true])
  })
})

describe('countermark-audit erase', () => {
  it('forgets a person and says so in the trail, which verifies', async () => {
    await writeTrail()
    expect(await run('erase', '--subject', 'user_17', path)).toMatchObject({
      code: 0,
      out: expect.stringContaining('3 records'),
    })
    expect(await run('verify', path)).toMatchObject({ code: 0, out: expect.stringContaining('values were erased') })
    expect((await reportOf('gdpr')).get('Art. 17')?.shows).toMatch(/^1 erasures recorded/)
  })

  it('can say so elsewhere', async () => {
    await writeTrail()
    const log = `${folder.path}/maintenance.ndjson`
    await run('erase', '--subject', 'user_17', '--log', log, path)
    expect((await run('verify', log)).out).toContain('2 records in 1 chain')
  })

  it('needs somebody to forget', async () => {
    await writeTrail()
    expect(await run('erase', path)).toMatchObject({ code: 2, err: expect.stringContaining('--subject') })
  })
})

describe('countermark-audit prune', () => {
  it('takes what is past its time, says so in the trail, which verifies', async () => {
    await writeTrail()
    expect(await run('prune', '--keep', 'phi=1', path)).toMatchObject({
      code: 0,
      out: expect.stringContaining('pruned 4 records'),
    })
    expect(await run('verify', path)).toMatchObject({ code: 0, out: expect.stringContaining('4 records were pruned') })
  })

  it.each([[[]], [['--keep', 'phi']], [['--keep', 'PHI=1']], [['--keep', 'phi=0']]])('refuses %j', async (keep) => {
    await writeTrail()
    expect((await run('prune', ...keep, path)).code).toBe(2)
  })
})
