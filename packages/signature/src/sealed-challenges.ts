import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { type AgentKey, type Environment, Refusal, type ReplayStore } from '@countermark/core'
import { decodeBase64url } from '@countermark/core/internal'
import type { ChallengeLedger, ChallengeRequest } from './challenge-ledger.ts'
import { purposeOf } from './challenge-message.ts'
import { claimMessage } from './claim-message.ts'

/** How several processes recognise each other's challenges. */
export interface SealedChallengesOptions {
  readonly ttlSeconds: number
  readonly store: ReplayStore
  readonly secret: Uint8Array
}

/** What a message says of itself: `purpose:expires.random.seal`. */
interface Sealed {
  readonly purpose: string
  /** Unix seconds. */
  readonly expires: string
  readonly random: string
}

const SUFFIX = /^([0-9]{10})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})z$/

/** Hands out messages that carry their end and a seal: nothing is kept until one is answered. */
export function createSealedChallenges(options: SealedChallengesOptions): ChallengeLedger {
  const { ttlSeconds, store, secret } = options
  return {
    issue: ({ purpose, agentId }: ChallengeRequest, { clock }: Environment) => {
      const expires = String(Math.floor(clock.wallMs() / 1000) + ttlSeconds)
      const random = randomBytes(16).toString('base64url')
      const seal = sealOf({ purpose, expires, random }, agentId, secret).toString('base64url')
      // The letter at the end keeps ten digits from standing there, whatever the seal is.
      return `${purpose}:${expires}.${random}.${seal}z`
    },
    check: (message, agentId, { clock }) => {
      const { expires } = openSealed(message, agentId, secret)
      if (!(clock.wallMs() / 1000 <= Number(expires))) throw new Refusal('signature_expired', 'the challenge ended')
      return Number(expires) - ttlSeconds
    },
    redeem: (message, key, environment) => {
      const { expires } = openSealed(message, key.agent.id, secret)
      return claim(message, Number(expires), { ttlSeconds, store, key, environment })
    },
  }
}

function openSealed(message: string, agentId: string, secret: Uint8Array): Sealed {
  const purpose = purposeOf(message)
  const [, expires, random, text] = SUFFIX.exec(message.slice(purpose.length + 1)) ?? []
  const seal = text === undefined ? undefined : decodeBase64url(text)
  if (expires !== undefined && random !== undefined && seal !== undefined) {
    const sealed = { purpose, expires, random }
    const isSealedFor = (agent: string | undefined): boolean => timingSafeEqual(seal, sealOf(sealed, agent, secret))
    if (isSealedFor(agentId) || isSealedFor(undefined)) return sealed
  }
  throw new Refusal('freshness_unproven', 'this message was not handed out to this agent')
}

/** No agent id is empty, so a challenge for anybody cannot be taken for one of an agent's own. */
function sealOf({ purpose, expires, random }: Sealed, agentId: string | undefined, secret: Uint8Array): Buffer {
  const text = `countermark-challenge-v1\n${purpose}\n${expires}\n${random}\n${agentId ?? ''}`
  return createHmac('sha256', secret).update(text).digest().subarray(0, 16)
}

interface Redemption {
  readonly ttlSeconds: number
  readonly store: ReplayStore
  readonly key: AgentKey
  readonly environment: Environment
}

/** By message, not by key: a challenge for anybody is answered once, by one. */
function claim(message: string, expires: number, redemption: Redemption): void | Promise<void> {
  const { ttlSeconds, store, key, environment } = redemption
  const id = createHash('sha256').update(`challenge\n${message}`).digest()
  const created = expires - ttlSeconds
  const { thumbprint } = key
  return claimMessage({ id, thumbprint, created, acceptUntil: expires, nonce: undefined }, store, environment)
}
