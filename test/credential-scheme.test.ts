import { auditTrail } from '@countermark/audit'
import type { AuditSink } from '@countermark/audit/sinks'
import { createGuardComposer, createGuardSettings, type GuardOptions } from '@countermark/core'
import type { Verdict } from '@countermark/core/internal'
import { aRequest } from '@countermark/testing'
import { verifyPassphrase } from './toy-credential.ts'

type SealedRecord = Parameters<AuditSink['append']>[0][number]
type Line = readonly [name: string, value: string]

async function ask(headers: readonly Line[], options: Partial<GuardOptions> = {}): Promise<Verdict> {
  const compose = createGuardComposer(createGuardSettings({ origins: ['api.example.com'], ...options }))
  const guard = compose({ minimumLevel: 'bearer' }, [verifyPassphrase('open sesame')])
  return guard(aRequest({ headers }))
}

function refusalOf(verdict: Verdict): string | undefined {
  return verdict.outcome === 'deny' ? verdict.refusal.code : undefined
}

const PROVEN: Line = ['X-Pass-Phrase', 'open sesame']

describe('a credential that one file and one row add', () => {
  it('establishes an agent of its level', async () => {
    expect(await ask([PROVEN])).toMatchObject({ outcome: 'allow', agent: { level: 'bearer', scheme: 'passphrase' } })
  })

  it.each([
    ['twice', [PROVEN, PROVEN]],
    ['under another spelling', [PROVEN, ['X_Pass_Phrase', 'other']]],
  ] as const)('is refused when its field occurs %s', async (_how, headers) => {
    expect(refusalOf(await ask(headers))).toBe('request_malformed')
  })

  it('shows its answers to scripts of other origins', async () => {
    const verdict = await ask([['Origin', 'https://app.example']])
    expect(verdict).toMatchObject({
      reply: {
        headers: expect.arrayContaining([['Access-Control-Expose-Headers', expect.stringMatching(/X-Pass-Hint/)]]),
      },
    })
  })

  it('is evidence of its grade in the audit trail', async () => {
    const kept: SealedRecord[] = []
    const append = async (records: readonly SealedRecord[]): Promise<void> => void kept.push(...records)
    const trail = auditTrail({ sinks: [{ name: 'memory', durable: true, append }], flushMs: 0 })
    await ask([PROVEN], { recorder: trail })
    await trail.close()
    expect(kept.map(({ line }) => line).join()).toContain('"grade":"bearer"')
  })
})
