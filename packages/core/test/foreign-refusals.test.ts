import type { GuardOptions, RefusalCode, RefusalRow } from '../src/index.ts'
import type { Verdict } from '../src/internal.ts'
import { aGuard, aRequest, atOnce, problemOf, refuseWith, thrownBy } from './guarding.ts'

describe('a code of another package', () => {
  const row = { title: 'Outside business hours', status: 403, wba: 429, retry: 'later' } as const
  const refusals = { outside_hours: row }
  const refused = (options: Partial<GuardOptions> = {}): Verdict =>
    atOnce(aGuard([refuseWith('outside_hours' as RefusalCode)], options)(aRequest()))

  it.each([
    ['standard', 403],
    ['wba', 429],
    ['seed', 403],
  ] as const)('is answered as its row says in %s mode', (statusMode, status) => {
    const problem = problemOf(refused({ refusals, statusMode }))
    expect(problem).toMatchObject({ code: 'outside_hours', status, title: row.title, retry: 'later' })
    expect(problem['type']).toBe('urn:agent-auth:error:outside_hours')
  })

  it('is not known where nobody registered it', () => {
    expect(problemOf(refused())).toMatchObject({ code: 'config_error', status: 500 })
  })

  it.each([
    ['a code of ours', { signature_invalid: row }],
    ['a code that is no word', { 'outside-hours': row }],
    ['a code that is too long', { [`a${'b'.repeat(64)}`]: row }],
    ['no row', { outside_hours: null }],
    ['no title', { outside_hours: { ...row, title: '' } }],
    ['no retry', { outside_hours: { title: 'x', status: 403 } }],
    ['a status that lets pass', { outside_hours: { ...row, status: 200 } }],
    ['a status that lets pass in one mode', { outside_hours: { ...row, seed: 204 } }],
    ['a status that is a fraction', { outside_hours: { ...row, status: 403.5 } }],
    ['a status in words', { outside_hours: { ...row, wba: '403' } }],
    ['a member that does not exist', { outside_hours: { ...row, satus: 403 } }],
    ['a type that is no URI', { outside_hours: { ...row, type: 'hours' } }],
    ['a word for Signature-Error that is none', { outside_hours: { ...row, signatureError: 'a"b' } }],
  ])('cannot be registered with %s', (_name, bad) => {
    const error = thrownBy(() => aGuard([], { refusals: bad as never }))
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_OPTION_/) })
  })

  it('cannot be changed after the start', () => {
    const rows: Record<string, RefusalRow> = { ...refusals }
    const guard = aGuard([refuseWith('outside_hours' as RefusalCode)], { refusals: rows })
    delete rows['outside_hours']
    expect(problemOf(atOnce(guard(aRequest())))['status']).toBe(403)
  })
})
