import { defineCheck, type GuardOptions, Refusal, type RefusalCode } from '../src/index.ts'
import { aGuard, aRequest } from './guarding.ts'

function problemOf(code: RefusalCode, options: Partial<GuardOptions> = {}): Readonly<Record<string, unknown>> {
  const members = { approval_url: 'https://approve.example/', status: 200, code: 'fine', title: 'Fine' }
  const refuse = defineCheck({ name: 'refuse', needs: [], adds: [] }, () => {
    throw new Refusal(code, 'a human has to approve this', { members })
  })
  const verdict = aGuard([refuse], options)(aRequest())
  if ('then' in verdict || verdict.outcome !== 'deny') throw new Error('expected a refusal at once')
  return JSON.parse(verdict.reply.body)
}

describe('members that a check adds to its refusal', () => {
  it('stand in the problem document', () => {
    expect(problemOf('approval_required')['approval_url']).toBe('https://approve.example/')
  })

  it('stand in for none of its own', () => {
    expect(problemOf('approval_required')).toMatchObject({ status: 403, code: 'approval_required' })
  })

  it('are left out where the code is merged into another', () => {
    const problem = problemOf('key_revoked', { errorDetail: 'minimal' })
    expect([problem['code'], problem['approval_url']]).toEqual(['signature_invalid', undefined])
  })
})
