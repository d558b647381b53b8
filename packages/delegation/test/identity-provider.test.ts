import { join } from 'node:path'
import { createGuardComposer, createGuardSettings } from '@countermark/core'
import type { Verdict } from '@countermark/core/internal'
import { memoryReplayStore } from '@countermark/replay'
import { aRequest, type StartedProgram, startProgram } from '@countermark/testing'
import { verifyDelegation } from '../src/index.ts'
import { createDpopProver, type DpopProver } from './dpop-prover.ts'
import { LOOPBACK } from './issuer-server.ts'
import { AUDIENCE } from './token-issuer.ts'

let provider: StartedProgram
let issuer: string

beforeAll(async () => {
  const script = join(__dirname, 'identity-provider.mjs')
  provider = await startProgram({
    command: process.execPath,
    arguments: [script],
    ready: /PORT \d+/,
    timeoutMs: 20_000,
  })
  issuer = `http://127.0.0.1:${/PORT (\d+)/.exec(provider.output())?.[1]}`
}, 30_000)

afterAll(() => provider.stop())

const now = (): number => Math.floor(Date.now() / 1000)
const credentials = Buffer.from('agt_buyer:buyer-secret').toString('base64')

/** Asks for a token by client credentials, bound to the prover's key when there is one. */
async function getToken(prover?: DpopProver): Promise<string> {
  const htu = `${issuer}/token`
  const proof = await prover?.prove({ token: '', at: now(), claims: { htm: 'POST', htu, ath: undefined } })
  const response = await fetch(htu, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}`, ...(proof === undefined ? {} : { dpop: proof }) },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE, scope: 'orders:read' }),
  })
  const text = await response.text()
  const answer: { readonly access_token?: string } = JSON.parse(text)
  return answer.access_token ?? text
}

interface Ask {
  readonly token: string
  readonly proof?: string
}

async function ask({ token, proof }: Ask): Promise<Verdict> {
  const compose = createGuardComposer(createGuardSettings({ origins: ['api.example.com'] }))
  const store = memoryReplayStore({ startedAt: 0, allowSingleProcess: true })
  const issuers = [{ issuer, algorithms: ['ES256'] as const, http: LOOPBACK }]
  const guard = compose({}, [verifyDelegation({ issuers, audience: AUDIENCE, requirePoP: false, dpop: { store } })])
  const scheme = proof === undefined ? 'Bearer' : 'DPoP'
  const proofLine = proof === undefined ? [] : [['DPoP', proof] as const]
  const lines = [['Host', 'api.example.com'] as const, ['Authorization', `${scheme} ${token}`] as const, ...proofLine]
  return guard(aRequest({ url: 'https://api.example.com/orders', headerLines: lines }))
}

function codeOf(verdict: Verdict): string {
  return verdict.outcome === 'allow' ? 'accepted' : verdict.refusal.code
}

describe('a token of a running identity provider', () => {
  it('verifies by what the provider publishes', async () => {
    const verdict = await ask({ token: await getToken() })
    expect(verdict).toMatchObject({
      outcome: 'allow',
      agent: {
        id: 'agt_buyer',
        level: 'bearer',
        delegation: { issuer, audiences: [AUDIENCE], scopes: ['orders:read'] },
      },
    })
  })

  it('counts only with proofs when the provider bound it to a key', async () => {
    const prover = createDpopProver('P-256')
    const token = await getToken(prover)
    const proof = await prover.prove({ token, at: now() })
    expect(await ask({ token, proof })).toMatchObject({ agent: { level: 'bound', scheme: 'dpop' } })
    expect(codeOf(await ask({ token }))).toBe('token_binding_mismatch')
  })
})
