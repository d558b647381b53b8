import { requireKnownAnswers } from '../src/self-test.ts'
import { createTableEngine, type TableEngine } from '../src/table-engine.ts'

const engine = createTableEngine()

describe('the self-test', () => {
  it('is passed by the engine', () => {
    expect(() => requireKnownAnswers(engine)).not.toThrow()
  })

  const faults: readonly (readonly [string, Partial<TableEngine>])[] = [
    ['makes no tables', { build: () => false }],
    ['accepts everything', { verify: () => true }],
    ['refuses everything', { verify: () => false }],
    ['judges nothing', { verify: () => undefined }],
    [
      'reads only the first block',
      { verify: (table, data, signature) => engine.verify(table, data.subarray(0, 63), signature) },
    ],
  ]

  it.each(faults)('stops an engine that %s', (_fault, faulty) => {
    expect(() => requireKnownAnswers({ ...engine, ...faulty })).toThrow(
      expect.objectContaining({ code: 'ERR_VERIFIER_SELF_TEST' }),
    )
  })
})
