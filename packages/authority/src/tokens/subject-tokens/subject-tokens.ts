import { type Environment, Refusal } from '@countermark/core'
import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import {
  createTokenVerifier,
  type IssuerSettings,
  parseCompactJws,
  parseKeySet,
  readIssuerOptions,
  requireWithin,
  type VerifiedToken,
} from '@countermark/delegation/internal'
import type { TokenKeys } from '../issuing/sign-jwt.ts'
import { type Detail, readDetails } from '../narrowing/details.ts'
import { isLimits } from '../narrowing/limits.ts'
import { isOrganisationsName, organisationPrefix } from './organisation-prefix.ts'
import type { BelievedOrganisation, Organisations } from './organisations.ts'
import { asIdJag, type IdJagIssuerSettings, type UserIssuerSettings } from './trusted-issuers.ts'

/** A token that something is issued for. */
export interface SubjectToken {
  readonly token: VerifiedToken
  readonly claims: JsonObject
  readonly subject: string
  readonly subjectProfile: 'user' | 'ai_agent' | 'service'
  readonly scopes: readonly string[]
  readonly details: readonly Detail[]
  readonly limits: readonly JsonObject[]
  /** Unix seconds. */
  readonly expiresAt: number
  /** The same token where we issued it; `undefined` for one of another issuer. */
  readonly own:
    | { readonly tokenId: string; readonly chainId: string; readonly audiences: readonly string[] }
    | undefined
  /** Where another issuer's user says which agents may act. */
  readonly mayAct: 'stated' | 'any-agent' | undefined
  /** How far the organisation that issued it is believed; `undefined` for issuers of the options, and for us. */
  readonly within: Within | undefined
}

/** An identity assertion that verified. */
export interface IdentityAssertion {
  readonly token: VerifiedToken
  /** The user, by the name that is used here. */
  readonly subject: string
  /** How far the organisation that issued it is believed. */
  readonly within: Within | undefined
}

/** How far the word of an organisation goes. */
export type Within = Pick<BelievedOrganisation, 'ceiling' | 'resources'>

/** Verifies tokens that others bring along. */
export interface SubjectTokens {
  /** A token of ours, or of a user; of an organisation only for agents of a tenant that believes it. @throws Refusal */
  readonly verifySubject: (text: string, agentId?: string) => Promise<SubjectToken>
  /** An assertion, and its user by the name that is used here. @throws Refusal */
  readonly verifyIdJag: (text: string, agentId: string) => Promise<IdentityAssertion>
  /** @throws Refusal */
  readonly verifyWorkload: (text: string) => Promise<VerifiedToken>
}

/** By what they are verified. */
export interface SubjectTokenRules {
  readonly issuer: string
  readonly keys: TokenKeys
  readonly audiences: readonly string[]
  readonly users: ReadonlyMap<string, UserIssuerSettings>
  readonly idJag: ReadonlyMap<string, IdJagIssuerSettings>
  readonly workloads: ReadonlyMap<string, IssuerSettings>
  readonly organisations: Organisations
  readonly maxDepth: number
  readonly environment: Environment
}

const SKEW_SECONDS = 30
const READING = { maxLength: 8192, code: 'token_malformed', noun: 'token' } as const

/** Creates the verifier. */
export function createSubjectTokens(rules: SubjectTokenRules): SubjectTokens {
  const { issuer, users, idJag, workloads, audiences, environment, maxDepth, organisations } = rules
  const own = createVerifier(new Map([[issuer, ownIssuer(rules)]]), audiences, maxDepth, environment)
  const settingsOfUsers = new Map([...users].map(([name, { settings }]) => [name, settings]))
  const settingsOfIdJag = new Map([...idJag].map(([name, { settings }]) => [name, settings]))
  const ofIdJag = createVerifier(settingsOfIdJag, [issuer], maxDepth, environment)
  const ofUsers = createVerifier(settingsOfUsers, [issuer], maxDepth, environment)
  const verifyForeign = (settings: IssuerSettings, text: string): Promise<VerifiedToken> =>
    createVerifier(new Map([[settings.issuer, settings]]), [issuer], maxDepth, environment)(text)
  return {
    verifySubject: async (text, agentId) => {
      const name = String(ownMember(parseCompactJws(text, READING).claims, 'iss'))
      if (name === issuer) return fromOwn(await own(text))
      const user = users.get(name)
      if (user !== undefined) return fromUser(await ofUsers(text), user)
      const { settings, ...believed } = await requireOrganisation(organisations, name, agentId)
      return fromOrganisation(await verifyForeign(settings, text), believed)
    },
    verifyIdJag: async (text, agentId) => {
      const name = String(ownMember(parseCompactJws(text, READING).claims, 'iss'))
      const known = idJag.get(name)
      if (known !== undefined) {
        const token = await ofIdJag(text)
        return { token, subject: nameOf(known.subjectPrefix, token), within: undefined }
      }
      const { settings, ceiling, resources } = await requireOrganisation(organisations, name, agentId)
      const token = await verifyForeign(asIdJag(settings), text)
      return {
        token,
        subject: `${organisationPrefix(name)}${token.delegation.subject}`,
        within: { ceiling, resources },
      }
    },
    verifyWorkload: createVerifier(workloads, [issuer], maxDepth, environment),
  }
}

async function requireOrganisation(
  organisations: Organisations,
  name: string,
  agentId: string | undefined,
): Promise<BelievedOrganisation> {
  const found = agentId === undefined ? undefined : await organisations.find(name, agentId)
  if (found !== undefined) return found
  throw new Refusal('token_invalid', 'the token must come from an issuer that is trusted here')
}

/** The user's name here. @throws Refusal for one that would read like the name of an organisation's user */
function nameOf(prefix: string, { delegation }: VerifiedToken): string {
  const name = `${prefix}${delegation.subject}`
  if (!isOrganisationsName(name)) return name
  throw new Refusal('token_invalid', "the subject must not read like the name of another issuer's user")
}

type Verify = (text: string) => Promise<VerifiedToken>

/** Signature, type, audience, claims; then time, and what the issuer says of it now. */
function createVerifier(
  issuers: ReadonlyMap<string, IssuerSettings>,
  audiences: readonly string[],
  maxDepth: number,
  environment: Environment,
): Verify {
  const verify = createTokenVerifier({ issuers, audiences, exclusive: false, maxDepth, links: undefined })
  return async (text) => {
    const token = await verify(text, { request: undefined, environment })
    for (const times of token.times) requireWithin(times, environment.clock.wallMs(), SKEW_SECONDS)
    const { statusLists, introspection } = token.issuer
    if (token.status !== undefined) await statusLists?.check(token.status, environment)
    await introspection?.check(text, environment)
    return token
  }
}

/** Our own tokens, with our own keys: nothing is fetched. Whether one was revoked, the store knows. */
function ownIssuer({ issuer, keys }: SubjectTokenRules): IssuerSettings {
  const rules = { algorithms: ['EdDSA', 'ES256'], allowTestKeys: false } as const
  const settings = readIssuerOptions({
    issuer,
    keys: { jwksUri: 'https://keys.invalid/' },
    algorithms: rules.algorithms,
    actor: 'required-for-users',
    statusList: 'ignored',
    maxLifetimeSeconds: 86_400,
  })
  const find: IssuerSettings['keys']['find'] = async (query) =>
    parseKeySet({ keys: await keys.listPublicKeys() }, rules).find(query)
  return { ...settings, keys: { find, isFailing: () => false } }
}

const PROFILES = ['user', 'ai_agent', 'service'] as const

function fromOwn(token: VerifiedToken): SubjectToken {
  const { claims, ...said } = readCommon(token)
  const profile = PROFILES.find((each) => each === ownMember(claims, 'sub_profile')) ?? 'user'
  const { tokenId = '', audiences } = token.delegation
  const own = { tokenId, chainId: String(ownMember(claims, 'txn')), audiences }
  const common = { subject: token.delegation.subject, subjectProfile: profile, own, mayAct: undefined }
  return { ...said, claims, token, ...common, within: undefined }
}

function fromUser(token: VerifiedToken, { scopes, subjectPrefix, mayAct }: UserIssuerSettings): SubjectToken {
  const said = readCommon(token)
  const subject = nameOf(subjectPrefix, token)
  const user = { subject, subjectProfile: 'user', own: undefined, mayAct, within: undefined } as const
  return { ...said, token, scopes: scopes ?? said.scopes, ...user }
}

function fromOrganisation(
  token: VerifiedToken,
  { mayAct, ceiling, resources }: Omit<BelievedOrganisation, 'settings'>,
): SubjectToken {
  const subject = `${organisationPrefix(token.delegation.issuer)}${token.delegation.subject}`
  const user = { subject, subjectProfile: 'user', own: undefined, mayAct } as const
  return { ...readCommon(token), token, ...user, within: { ceiling, resources } }
}

function readCommon({
  delegation,
}: VerifiedToken): Pick<SubjectToken, 'claims' | 'scopes' | 'details' | 'limits' | 'expiresAt'> {
  const claims: JsonObject = isJsonObject(delegation.claims) ? delegation.claims : {}
  const entries = [ownMember(claims, 'authorization_details') ?? []].flat()
  return {
    claims,
    scopes: delegation.scopes,
    details: readDetails(entries.filter((entry) => !isLimits(entry))),
    limits: entries.filter(isLimits),
    expiresAt: delegation.expiresAt,
  }
}
