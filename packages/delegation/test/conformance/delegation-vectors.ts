import { decodeBase64url, isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'
import { compare, type JudgeVector, type Verdict } from '../../../signature/test/conformance/vector.ts'
import { parseActorChain, permitsActor } from '../../src/chain/actor-chain.ts'

const RULES = { actor: 'optional', actorClaims: [] } as const

/** The tokens that RFC 8693 prints: their keys are not published, so only what they say is compared. */
export const judgeActors: JudgeVector = ({ input, expected }): Verdict => {
  if (input.subject_token !== undefined) {
    const [subject, actor] = [payloadOf(input.subject_token), payloadOf(input.actor_token)]
    const named = { id: String(actor['sub']), issuer: String(actor['iss']) }
    const permitted = [permitsActor(subject, named), permitsActor(subject, { ...named, id: 'somebody@else.example' })]
    return compare([expected.allowed, false], permitted)
  }
  const claims: JsonObject = input.payload ?? payloadOf(input.jwt)
  const subject = String(claims['sub'])
  const { actor, priorActors } = parseActorChain(claims, subject, RULES, 4)
  const acting = Object.hasOwn(claims, 'act') ? [actor, ...priorActors].map(({ id }) => id) : []
  const wanted = expected.actors ?? [expected.current_actor, ...expected.prior_actors]
  return compare([expected.subject ?? expected.payload.sub, wanted], [subject, acting])
}

function payloadOf(jwt: string): JsonObject {
  const payload = parseStrictJson(decodeBase64url(jwt.split('.')[1] ?? '')?.toString() ?? '')
  return isJsonObject(payload) ? payload : {}
}
