import { type AgentRequest, type HeaderField, importPublicKey, isRefusal, type RefusalCode } from '@countermark/core'
import { aRequest, createFakeClock, createTestEnvironment, keySourceOf } from '@countermark/testing'
import { simpleHeaders } from '../../src/simple/simple-headers.ts'
import { verifySignature } from '../../src/verify-signature.ts'
import { claimProof } from '../claim-proof.ts'
import { readSuite } from '../conformance-suite.ts'
import { createRememberingStore } from '../remembering-store.ts'

interface Setup {
  readonly clock: number
  readonly authority: string
  readonly agents: readonly { readonly agent_id: string; readonly keys: readonly Readonly<Record<string, string>>[] }[]
}

interface Input {
  readonly steps: readonly {
    readonly method: string
    readonly target: string
    readonly headers: readonly HeaderField[]
    readonly body: string
  }[]
}

interface Expected {
  readonly steps: readonly { readonly outcome: string; readonly agent?: string; readonly reason?: string }[]
}

/** What each reason of the suite is called here. */
const CODES: Readonly<Record<string, readonly RefusalCode[]>> = {
  signature: ['signature_invalid', 'signature_malformed'],
  timestamp: ['signature_malformed', 'signature_expired', 'signature_not_yet_valid'],
  'unknown-key': ['key_unknown', 'signature_malformed'],
  replay: ['replay_detected'],
  malformed: ['request_malformed'],
}

const suite = readSuite<Input, Expected, Setup>('attacks/simple-headers.json')

describe('simpleHeaders version 0 and the attack suite', () => {
  for (const { name, input, expected } of suite.cases) {
    it(name, async () => {
      const outcomes = await runSteps(input)
      for (const [index, outcome] of outcomes.entries()) expectOutcome(outcome, expected.steps[index])
    })
  }

  it('is complete', () => {
    expect([0, 33]).toContain(suite.cases.length)
  })
})

async function runSteps({ steps }: Input): Promise<readonly (string | RefusalCode)[]> {
  const { clock, authority } = suite.setup
  const environment = createTestEnvironment({ clock: createFakeClock(clock * 1000) })
  const store = createRememberingStore()
  const check = verifySignature({
    keys: keySourceOf(...suite.setup.agents.flatMap(keysOf)),
    accept: [simpleHeaders({ version: 0, routes: ['POST /v1/orders', 'POST /v1/refunds'], futureSkewSeconds: 300 })],
    replay: 'elsewhere',
  })
  const judge = async (request: AgentRequest): Promise<string> => {
    const { agent, proof } = await check(request, {}, environment)
    await claimProof(proof, store, environment)
    return `agent ${agent.id}`
  }
  const outcomes: string[] = []
  for (const step of steps) {
    outcomes.push(
      await judge(aRequest({ ...step, authority })).catch((error) => (isRefusal(error) ? error.code : error)),
    )
  }
  return outcomes
}

function keysOf({ agent_id: id, keys }: Setup['agents'][number]) {
  return keys.map((jwk) => ({
    ...importPublicKey(jwk),
    agent: { id, state: 'active' } as const,
    keyId: String(jwk['kid']),
    state: 'active' as const,
    notBefore: undefined,
    notAfter: undefined,
    schemes: ['simple-v0'] as const,
  }))
}

function expectOutcome(outcome: string, expected: Expected['steps'][number] | undefined): void {
  const allowed: Readonly<Record<string, () => readonly string[]>> = {
    accept: () => [`agent ${expected?.agent}`],
    reject: () => CODES[String(expected?.reason)] ?? [],
    either: () => [outcome.startsWith('agent ') ? outcome : 'scheme_not_allowed'],
  }
  expect(expected === undefined ? [] : allowed[expected.outcome]?.()).toContain(outcome)
}
