import { Refusal } from '@countermark/core'
import { type Actor, isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import { isText } from '../token/jws.ts'

/** Who acts, and who acted before; outermost first. */
export interface ActorChain {
  readonly actor: Actor
  readonly priorActors: readonly Actor[]
}

/** What a token must say about actors. */
export interface ActorRules {
  /**
   * `required`: a token names an actor. `required-for-users`: unless its `sub_profile` says that the subject is an agent or a
   * service, which then acts for itself. `optional`: without an actor the subject acts.
   */
  readonly actor: 'required' | 'required-for-users' | 'optional'
  /** Claims that name the actor where the issuer writes no `act`; the first that is there counts. */
  readonly actorClaims: readonly string[]
}

const OWN_PROFILES = ['ai_agent', 'service']

/**
 * Reads who acts for whom (RFC 8693 section 4.1).
 * @throws {@link Refusal} `chain_invalid`
 */
export function parseActorChain(claims: JsonObject, subject: string, rules: ActorRules, maxDepth: number): ActorChain {
  const actors = Object.hasOwn(claims, 'act') ? readActs(claims, maxDepth) : [readMapped(claims, subject, rules)]
  const [actor, ...priorActors] = actors
  if (actor === undefined) throw invalid('names no actor')
  requireNoCircle(actors, { id: subject, issuer: undefined }, String(ownMember(claims, 'iss')))
  return Object.freeze({ actor, priorActors: Object.freeze(priorActors) })
}

/**
 * Refuses a chain that passes one actor twice. A subject that acts for itself is no circle.
 * @throws {@link Refusal} `chain_invalid`
 */
export function requireNoCircle(actors: readonly Actor[], subject: Actor, issuer: string): void {
  if (actors.length < 2) return
  const names = [...actors, subject].map((actor) => JSON.stringify([actor.issuer ?? issuer, actor.id]))
  if (new Set(names).size < names.length) throw invalid('passes one actor twice')
}

function readActs(claims: JsonObject, maxDepth: number): readonly Actor[] {
  const actors: Actor[] = []
  for (let holder = claims; Object.hasOwn(holder, 'act'); ) {
    const act = ownMember(holder, 'act')
    if (!isJsonObject(act)) throw invalid('has an act that is no object')
    actors.push(readActor(act))
    if (actors.length > maxDepth) throw invalid(`has more than ${maxDepth} actors`)
    holder = act
  }
  return actors
}

function readActor(act: JsonObject): Actor {
  const id = ownMember(act, 'sub')
  const issuer = ownMember(act, 'iss')
  if (!isText(id)) throw invalid('has an actor without a sub')
  if (!(issuer === undefined || isText(issuer))) throw invalid('has an actor whose iss is no string')
  return Object.freeze({ id, issuer })
}

function readMapped(claims: JsonObject, subject: string, { actor, actorClaims }: ActorRules): Actor {
  const name = actorClaims.find((claim) => Object.hasOwn(claims, claim))
  if (name !== undefined) {
    const id = ownMember(claims, name)
    if (!isText(id)) throw invalid('names its actor by something other than a string')
    return Object.freeze({ id, issuer: undefined })
  }
  if (actor === 'required') throw invalid('must name an actor')
  if (actor === 'required-for-users' && !isOwnActor(ownMember(claims, 'sub_profile'))) {
    throw invalid('must name an actor, or say by sub_profile that its subject is one')
  }
  return Object.freeze({ id: subject, issuer: undefined })
}

/** OAuth Actor Profile: a list of words. One that also says `user` is no agent acting for itself. */
function isOwnActor(profile: unknown): boolean {
  const words = typeof profile === 'string' ? profile.split(' ') : []
  return words.length > 0 && words.every((word) => OWN_PROFILES.includes(word))
}

function invalid(why: string): Refusal {
  return new Refusal('chain_invalid', `the token ${why}`)
}

/**
 * Whether the subject of a token lets another one act for it: `may_act` names that actor (RFC 8693 section 4.4). An issuer checks it before
 * it exchanges the token; a service that receives one does not, because `may_act` grants nothing by itself.
 */
export function permitsActor(
  subjectClaims: JsonObject,
  actor: { readonly id: string; readonly issuer: string },
): boolean {
  const mayAct = ownMember(subjectClaims, 'may_act')
  if (!isJsonObject(mayAct)) return false
  const [id, issuer = ownMember(subjectClaims, 'iss')] = ['sub', 'iss'].map((name) => ownMember(mayAct, name))
  return id === actor.id && issuer === actor.issuer
}
