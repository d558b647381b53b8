import { defineMetrics } from '@countermark/core/internal'

const METRICS = defineMetrics<{
  claims_total: { store: string; result: 'claimed' | 'replayed' }
  claims_live: Record<never, string>
}>({
  claims_total: { kind: 'counter', help: 'Claims', labels: { store: { atMost: 2 }, result: ['claimed', 'replayed'] } },
  claims_live: { kind: 'gauge', help: 'Claims that are remembered now', labels: {} },
})

describe('defineMetrics', () => {
  it('gives rows with their names', () => {
    expect(METRICS.rows.map(({ name, kind }) => [name, kind])).toEqual([
      ['claims_total', 'counter'],
      ['claims_live', 'gauge'],
    ])
  })

  it('gives one row by its name', () => {
    expect(METRICS.row('claims_live')).toEqual(METRICS.rows[1])
  })

  it('makes measurements of the kind that their row says', () => {
    const labels = { store: 'redis', result: 'claimed' } as const
    expect(METRICS.measure('claims_total', 2, labels)).toEqual({
      name: 'claims_total',
      kind: 'counter',
      value: 2,
      labels,
    })
    expect(METRICS.measure('claims_live', 7)).toEqual({ name: 'claims_live', kind: 'gauge', value: 7 })
  })

  it('names the labels of an instance, and what is read', () => {
    const [claims, live] = METRICS.rowsOf({ store: 'redis' }, { claims_live: () => 7 })
    expect(claims?.labels).toEqual({ store: ['redis'], result: ['claimed', 'replayed'] })
    expect(live?.read?.()).toBe(7)
  })

  it('does not compile with what is misspelt', () => {
    // @ts-expect-error a name
    expect(() => METRICS.measure('claim_total', 1, { store: 'redis', result: 'claimed' })).toThrow(TypeError)
    // @ts-expect-error a label
    expect(METRICS.measure('claims_total', 1, { stores: 'redis', result: 'claimed' })).toBeDefined()
    // @ts-expect-error a value
    expect(METRICS.measure('claims_total', 1, { store: 'redis', result: 'claim' })).toBeDefined()
    // @ts-expect-error a label that is left out
    expect(METRICS.measure('claims_total', 1, { store: 'redis' })).toBeDefined()
    // @ts-expect-error no labels at all
    expect(METRICS.measure('claims_total', 1)).toBeDefined()
    // @ts-expect-error labels of a metric that has none
    expect(METRICS.measure('claims_live', 1, { store: 'redis' })).toBeDefined()
    // @ts-expect-error what is read by another name
    expect(METRICS.rowsOf({}, { claims_alive: () => 1 })).toBeDefined()
    // @ts-expect-error a value in a row
    expect(defineMetrics<{ a: { b: 'c' } }>({ a: { kind: 'gauge', help: 'A', labels: { b: ['d'] } } })).toBeDefined()
  })
})
