import { thumbprintOf } from '@countermark/core/internal'
import { memoryReplayStore } from '@countermark/replay'
import type { VerifyDelegationOptions } from '../src/index.ts'
import { createDpopProver } from './dpop-prover.ts'
import { useOneIssuer } from './one-issuer.ts'
import { type CallInput, createTokenCaller, signedBy } from './token-call.ts'
import { type Members, NOW } from './token-issuer.ts'

const { issuer } = useOneIssuer()
const ours = createDpopProver()
const other = createDpopProver()
const { thumbprint } = ours

/** What a token is bound to. */
const BOUND: Readonly<Record<string, Members>> = {
  none: {},
  jwk: { cnf: { jwk: ours.jwk } },
  kid: { cnf: { kid: thumbprint } },
  jkt: { cnf: { jkt: thumbprint } },
  x5t: { cnf: { 'x5t#S256': thumbprint } },
}

/** How it is presented: the signer's key, and whether a DPoP proof comes along. */
interface Presentation {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly signer?: string
  readonly prover?: typeof ours
}

async function present(
  bound: string,
  how: Presentation,
  changes: Partial<VerifyDelegationOptions> = {},
): Promise<string> {
  const options = { requirePoP: true, ...changes }
  const clockless = createTokenCaller([issuer()], options)
  const store = memoryReplayStore({ clock: clockless.clock, startedAt: 0, allowSingleProcess: true })
  const caller = createTokenCaller([issuer()], { dpop: { store }, ...options })
  const token = await issuer().mint(BOUND[bound])
  const proof = how.prover === undefined ? undefined : await how.prover.prove({ token, at: NOW })
  const input: CallInput = {
    token,
    scheme: how.scheme,
    headers: proof === undefined ? [] : [['DPoP', proof]],
    facts: how.signer === undefined ? {} : signedBy('agt_buyer', how.signer),
  }
  const result = await caller.call(input)
  return typeof result === 'string' ? result : `${result.agent.level} ${result.agent.scheme}`
}

const MISMATCH = 'token_binding_mismatch'
const SIGNED = 'signed httpsig'
const stranger = 'x'.repeat(43)

describe('the table of what a token is bound to and how it came', () => {
  it.each<readonly [string, string, Presentation, string]>([
    ['none', 'alone', { scheme: 'Bearer' }, MISMATCH],
    ['none', 'signed', { scheme: 'Bearer', signer: stranger }, SIGNED],
    ['none', 'as DPoP with a proof', { scheme: 'DPoP', prover: ours }, MISMATCH],
    ['none', 'as DPoP, signed', { scheme: 'DPoP', signer: stranger }, MISMATCH],
    ['none', 'beside a proof', { scheme: 'Bearer', prover: ours }, MISMATCH],
    ['jwk', 'alone', { scheme: 'Bearer' }, MISMATCH],
    ['jwk', 'signed with the key', { scheme: 'Bearer', signer: thumbprint }, SIGNED],
    ['jwk', 'signed with another key', { scheme: 'Bearer', signer: stranger }, MISMATCH],
    ['jwk', 'as DPoP with a proof of the key', { scheme: 'DPoP', prover: ours }, MISMATCH],
    ['kid', 'alone', { scheme: 'Bearer' }, MISMATCH],
    ['kid', 'signed with the key', { scheme: 'Bearer', signer: thumbprint }, SIGNED],
    ['kid', 'signed with another key', { scheme: 'Bearer', signer: stranger }, MISMATCH],
    ['kid', 'beside a proof of the key', { scheme: 'Bearer', prover: ours }, MISMATCH],
    ['jkt', 'alone as Bearer', { scheme: 'Bearer' }, MISMATCH],
    ['jkt', 'alone as DPoP', { scheme: 'DPoP' }, MISMATCH],
    ['jkt', 'with a proof', { scheme: 'DPoP', prover: ours }, 'bound dpop'],
    ['jkt', 'with a proof, signed', { scheme: 'DPoP', prover: ours, signer: stranger }, SIGNED],
    ['jkt', 'with a proof as Bearer', { scheme: 'Bearer', prover: ours }, MISMATCH],
    ['jkt', "with another key's proof", { scheme: 'DPoP', prover: other }, MISMATCH],
    ['jkt', 'signed with the key', { scheme: 'Bearer', signer: thumbprint }, MISMATCH],
    ['x5t', 'alone', { scheme: 'Bearer' }, MISMATCH],
    ['x5t', 'signed', { scheme: 'Bearer', signer: thumbprint }, MISMATCH],
    ['x5t', 'as DPoP', { scheme: 'DPoP', prover: ours }, MISMATCH],
  ])('bound by %s, %s', async (bound, _how, presentation, expected) => {
    expect(await present(bound, presentation)).toBe(expected)
  })

  it('takes a plain bearer where possession need not be proven', async () => {
    expect(await present('none', { scheme: 'Bearer' }, { requirePoP: false })).toBe('bearer bearer')
    expect(await present('jwk', { scheme: 'Bearer' }, { requirePoP: false })).toBe(MISMATCH)
    expect(await present('jkt', { scheme: 'Bearer' }, { requirePoP: false })).toBe(MISMATCH)
  })

  it('lets a signature stand for a DPoP proof only by name', async () => {
    const loosened = { httpSignatureForJkt: true }
    expect(await present('jkt', { scheme: 'Bearer', signer: thumbprint }, loosened)).toBe(SIGNED)
    expect(await present('jkt', { scheme: 'Bearer', signer: stranger }, loosened)).toBe(MISMATCH)
    expect(await present('jkt', { scheme: 'Bearer' }, loosened)).toBe(MISMATCH)
    expect(await present('jkt', { scheme: 'DPoP', signer: thumbprint }, loosened)).toBe(MISMATCH)
  })

  it('refuses what is bound by jkt where DPoP is not taken', async () => {
    const token = await issuer().mint(BOUND['jkt'])
    const caller = createTokenCaller([issuer()])
    const headers = [['DPoP', await ours.prove({ token, at: NOW })]] as const
    expect(await caller.codeOf({ token, scheme: 'DPoP', headers })).toBe(MISMATCH)
  })
})

describe('a binding that cannot be understood', () => {
  it.each([
    null,
    'x',
    [],
    {},
    { 'x-unknown': 'abc' },
    { jwe: 'abc' },
    { jku: 'https://evil.example', kid: thumbprint },
    { jkt: thumbprint, kid: thumbprint },
    { jkt: 7 },
    { jkt: 'short' },
    { jkt: `${thumbprint}=` },
    { jwk: 'x' },
  ])('is refused: %j', async (cnf) => {
    const caller = createTokenCaller([issuer()])
    expect(await caller.codeOf({ token: await issuer().mint({ cnf }), facts: signedBy('agt_buyer', thumbprint) })).toBe(
      MISMATCH,
    )
  })

  it('is refused when its key is weak or private', async () => {
    const weak = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') }
    const secret = { ...ours.privateKey.export({ format: 'jwk' }) }
    for (const jwk of [weak, secret]) {
      const token = await issuer().mint({ cnf: { jwk } })
      const facts = signedBy('agt_buyer', thumbprintOf(jwk))
      expect(await createTokenCaller([issuer()]).codeOf({ token, facts })).toBe('token_invalid')
    }
  })
})
