import { generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import type { Check, SignatureVerifier } from '@countermark/core'
import { type Guard, nodeVerifier } from '@countermark/core/internal'
import { createNodeGuard } from '@countermark/core/node'
import { staticKeys } from '@countermark/keys'
import { createVerificationQueue } from '@countermark/signature'
import { believesAll } from './believes-all.ts'
import { median } from './figures.ts'
import { type BenchKey, createIdentity, toBenchKey } from './identity.ts'
import { parseMessage, toNodeInput } from './parsed-message.ts'
import { createRequests } from './requests.ts'
import { createManyTokensChecks, createSignatureChecks, GUARD_OPTIONS } from './servers/countermark.ts'
import { createMessages, publicKeyOf } from './servers/units.ts'

/** So many of all are met in the measurement: more than the caches of a processor hold. */
const MET = 4_000
/** Calls that teach the compiler, and calls that are measured. */
const CALLS = 4_000

/** Requests to measure, and the checks that know so many of something. */
interface Grown {
  readonly checks: readonly Check<object, object>[]
  readonly next: () => string
  readonly bytesEach: number
}

const identity = createIdentity()
const queue = createVerificationQueue({ syncPerTurn: Number.POSITIVE_INFINITY })
const growers: Readonly<Record<string, (size: number) => Grown | Promise<Grown>>> = { agents, nonces, tokens }
const [kind = 'agents', size = '100'] = process.argv.slice(2)
const grow = growers[kind] ?? fail(`no growth of ${kind}`)
const verifyOne = createVerification()
const { checks, next, bytesEach } = await grow(Number(size))
const guardMicros = measure(guardWith(believesAll, checks), next)
const requestMicros = kind === 'tokens' ? guardMicros : measure(guardWith(nodeVerifier, checks), next)
console.log(JSON.stringify({ guardMicros, requestMicros, bytesEach }))

function agents(count: number): Grown {
  const signers: BenchKey[] = []
  const every = Math.ceil(count / MET)
  const entries = Array.from({ length: count }, (_, index) => {
    const pair = toBenchKey(generateKeyPairSync('ed25519'))
    if (index % every === 0) signers.push(pair)
    return { agentId: `agt_${index}`, keyId: pair.thumbprint, key: pair.publicJwk }
  })
  const before = usedBytes()
  const keys = staticKeys(entries)
  const pick = picker(signers)
  return {
    checks: createSignatureChecks(identity, { keys, queue }),
    next: () => createRequests('httpsig', 1, { ...identity, agentKey: pick() })[0] ?? fail('no request'),
    bytesEach: (usedBytes() - before) / count,
  }
}

function nonces(count: number): Grown {
  const checks = createSignatureChecks(identity, { queue })
  const guard = guardWith(believesAll, checks)
  const [sample = ''] = createRequests('httpsig', 1, identity)
  const before = usedBytes()
  for (let claimed = 0; claimed < count; claimed++) {
    // Nothing verifies it: only its nonce counts.
    guard(sample.replace(/nonce="[^"]+"/, `nonce="${randomBytes(18).toString('base64')}"`))
  }
  const bytesEach = (usedBytes() - before) / count
  return { checks, next: () => createRequests('httpsig', 1, identity)[0] ?? fail('no request'), bytesEach }
}

async function tokens(count: number): Promise<Grown> {
  const checks = createManyTokensChecks(identity, count)
  const { compose, judge } = createNodeGuard(GUARD_OPTIONS)
  const guard: Guard = compose({}, checks)
  const met: string[] = []
  const every = Math.ceil(count / MET)
  const before = usedBytes()
  for (let known = 0; known < count; known++) {
    const [request = ''] = createRequests('cold', 1, identity)
    const { outcome } = await judge(guard, toNodeInput(parseMessage(request).message))
    if (outcome !== 'allow') fail('a new token must pass')
    if (known % every === 0) met.push(request)
  }
  return { checks, next: picker(met), bytesEach: (usedBytes() - before) / count }
}

type Call = (text: string) => number

/** One call, and how long it took; answers must come at once and allow. */
function guardWith(verifier: SignatureVerifier, checks: readonly Check<object, object>[]): Call {
  const { compose, judge } = createNodeGuard({ ...GUARD_OPTIONS, verifier })
  const guard: Guard = compose({}, checks)
  return (text) => {
    const { message } = parseMessage(text)
    verifyOne()
    const start = performance.now()
    const verdict = judge(guard, toNodeInput(message))
    const micros = (performance.now() - start) * 1000
    if ('then' in verdict || verdict.outcome !== 'allow') fail('a request must pass at once')
    return micros
  }
}

/** Behind a verification each, as other requests would come before it. */
function measure(guard: Call, next: () => string): number {
  for (let done = 0; done < CALLS; done++) guard(next())
  return median(Array.from({ length: CALLS }, () => guard(next())))
}

function createVerification(): () => void {
  const messages = createMessages(identity.agentKey, null)
  const key = publicKeyOf(identity.agentKey)
  let index = 0
  return () => {
    const { message, signature } = messages[index++ % messages.length] ?? fail('no message')
    if (!verify(null, message, key, signature)) fail('the unit must verify')
  }
}

function picker<T>(values: readonly T[]): () => T {
  return () => values[Math.floor(Math.random() * values.length)] ?? fail('nothing to choose from')
}

function usedBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function fail(message: string): never {
  throw new Error(message)
}
