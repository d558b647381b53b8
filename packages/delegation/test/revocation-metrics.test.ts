import type { MetricRow } from '@countermark/core'
import { createFakeClock } from '@countermark/testing'
import { createRevocations, type Revocations } from '../src/index.ts'

function read({ metrics = [] }: Revocations, name: string, label?: string): number | undefined {
  const isAsked = (row: MetricRow): boolean =>
    row.name === name && (label === undefined || Object.values(row.labels).flat().includes(label))
  return metrics.find(isAsked)?.read?.()
}

describe('the metrics of a list of revocations', () => {
  it('count what was taken over, by what it ends, and what is remembered', () => {
    const revocations = createRevocations()
    revocations.apply({ type: 'agent', agentId: 'agt_1' })
    revocations.apply({ type: 'agent', agentId: 'agt_1' })
    revocations.apply({ type: 'alive' })
    const counted = ['agent', 'key'].map((type) => read(revocations, 'revocations_applied_total', type))
    expect([...counted, read(revocations, 'revocations')]).toEqual([2, 0, 1])
  })

  it('tell when the feed was last heard, and that it is silent', () => {
    const clock = createFakeClock()
    const revocations = createRevocations({ clock, staleAfterSeconds: 60 })
    const heardAt = clock.wallMs() / 1000
    clock.advance(61_000)
    expect(read(revocations, 'revocation_feed_heard_timestamp_seconds')).toBeCloseTo(heardAt, 3)
    expect(read(revocations, 'degraded')).toBe(1)
    revocations.apply({ type: 'alive' })
    expect(read(revocations, 'degraded')).toBe(0)
  })
})
