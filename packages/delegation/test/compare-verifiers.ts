import { isRefusal } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import { compactVerify, EmbeddedJWK, errors } from 'jose'
import { seededRandom } from '../../audit/test/seeded-random.ts'
import { DpopProofs } from '../src/binding/dpop-proof.ts'
import { type IssuerKey, parseKeySet } from '../src/issuers/key-set.ts'
import { verifyIssuerSignature } from '../src/token/issuer-signature.ts'
import { toJoseAlgorithm } from '../src/token/jose-algorithm.ts'
import { openCompactJws } from '../src/token/jws.ts'
import { createJwsKey } from '../src/token/jws-key.ts'
import { createDpopProver } from './dpop-prover.ts'
import { isSpeltAnew, MUTATIONS } from './mutated-jws.ts'
import { createTestIssuer, NOW } from './token-issuer.ts'

/** What came of many changed tokens and proofs. */
export interface ComparedVerifiers {
  readonly cases: number
  readonly accepted: number
  /** Refused here for how they are spelt, where jose decodes the same bytes: every text has one spelling. */
  readonly speltAnew: number
  /** Cases on which the verifiers differ otherwise. */
  readonly differences: readonly string[]
}

/** A kind of JWS and the verifiers that must agree on it. The first is ours. */
interface Subject {
  readonly name: string
  readonly make: (index: number) => Promise<string>
  readonly verifiers: readonly ((text: string) => boolean | Promise<boolean>)[]
}

const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'RS256', 'PS256'] as const
const RULES = { maxLength: 8192, code: 'token_malformed', noun: 'token' } as const
/** Honest ones of each kind; each is changed many times. */
const HONEST = 8

/**
 * Changes tokens and DPoP proofs in a way that a seed decides, and asks for each whether it holds: our strict check, jose as
 * tokens pass it, and jose alone.
 */
export async function compareVerifiers(seed: number, cases: number): Promise<ComparedVerifiers> {
  const random = seededRandom(seed)
  const subjects = await Promise.all([...ALGORITHMS.map(tokensOf), proofsOf('ed25519'), proofsOf('P-256')])
  const honest = await Promise.all(
    subjects.map(({ make }) => Promise.all(Array.from({ length: HONEST }, (_, index) => make(index)))),
  )
  const names = Object.keys(MUTATIONS)
  const differences: string[] = []
  let accepted = 0
  let speltAnew = 0
  for (let index = 0; index < cases; index++) {
    const subject = subjects[index % subjects.length] as Subject
    const texts = honest[index % subjects.length] ?? []
    const text = texts[random(HONEST)] ?? ''
    const others = honest[random(subjects.length)] ?? []
    const name = names[random(names.length)] ?? ''
    const changed = MUTATIONS[name]?.(text, others[random(HONEST)] ?? '', random) ?? ''
    const [ours = false, ...theirs] = await Promise.all(subject.verifiers.map((verify) => verify(changed)))
    if (ours) accepted++
    if (theirs.every((verdict) => verdict === ours)) continue
    if (!ours && isSpeltAnew(changed, text)) speltAnew++
    else differences.push(`${subject.name}, ${name}, ours ${ours}, theirs ${theirs.join(' ')}: ${changed}`)
  }
  return { cases, accepted, speltAnew, differences }
}

async function tokensOf(algorithm: (typeof ALGORITHMS)[number]): Promise<Subject> {
  const issuer = await createTestIssuer(algorithm)
  const set = parseKeySet(issuer.jwks, { algorithms: [...ALGORITHMS], allowTestKeys: false })
  const key = set.find({ keyId: issuer.keyId, algorithm }) as IssuerKey
  const jwsKey = createJwsKey(algorithm, key)
  return {
    name: algorithm,
    make: (index) => issuer.mint({ jti: `dlg_${index}` }),
    verifiers: [
      (text) =>
        isTaken(() => {
          const jws = openCompactJws(text, RULES)
          return toJoseAlgorithm(jws.algorithm) === algorithm && jwsKey.verifies(jws, { verifier: nodeVerifier })
        }),
      (text) => isTaken(() => verifyIssuerSignature(text, key, 'token_invalid').then(() => true)),
      (text) =>
        isTakenByJose(() => compactVerify(text, key.publicKey, { algorithms: spelt(algorithm) }).then(() => true)),
    ],
  }
}

function proofsOf(type: 'ed25519' | 'P-256'): Subject {
  const prover = createDpopProver(type)
  const proofs = new DpopProofs({ algorithms: ['EdDSA', 'ES256'], allowTestKeys: false })
  const environment = createTestEnvironment({ clock: createFakeClock(), verifier: nodeVerifier })
  const request = { method: 'GET', scheme: 'https', authority: 'api.example.com', path: '/orders' } as const
  const expected = { request, thumbprint: prover.thumbprint, tokenHash: undefined }
  return {
    name: `DPoP ${type}`,
    make: (index) => prover.prove({ token: 'token', at: NOW, claims: { jti: `proof-${index}` } }),
    verifiers: [
      (text) => isTaken(() => proofs.verify(text, expected, environment).thumbprint === prover.thumbprint),
      (text) =>
        isTakenByJose(async () => {
          const { protectedHeader } = await compactVerify(text, EmbeddedJWK, {
            algorithms: ['EdDSA', 'Ed25519', 'ES256'],
          })
          // The key that the token is bound to.
          return protectedHeader.jwk?.x === prover.jwk['x'] && protectedHeader.typ === 'dpop+jwt'
        }),
    ],
  }
}

function spelt(algorithm: string): string[] {
  return algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm]
}

/** A refusal is a no; nothing else may be thrown, whatever was sent. */
async function isTaken(verify: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await verify()
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

/** The same of jose, which passes on what WebCrypto says of a key that does not fit. */
async function isTakenByJose(verify: () => Promise<boolean>): Promise<boolean> {
  try {
    return await verify()
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof DOMException) return false
    throw error
  }
}
