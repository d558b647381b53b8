import { isJsonObject, type JsonObject } from '@countermark/core/internal'

/** A claim, and what it says in words. */
export interface ClaimInWords {
  readonly name: string
  readonly meaning: string
}

type Say = (value: unknown, claims: JsonObject, nowMs: number) => string

/** What each claim of a delegation token means: docs/protocol/delegation-token.md. Others are shown as they are. */
const MEANINGS: Readonly<Record<string, Say>> = {
  iss: (value) => `issued by ${value}`,
  sub: (value, { act, sub_profile: profile }) =>
    act === undefined
      ? `about ${value}${profile === 'ai_agent' ? ', an agent that acts for itself' : ''}`
      : `for ${value}, who let it act`,
  sub_profile: (value) => `the subject is ${SUBJECTS[String(value)] ?? value}`,
  aud: (value) => `counts at ${[value].flat().join(' and ')}, and nowhere else`,
  client_id: (value) => `was asked for by ${value}`,
  azp: (value) => `was asked for by ${value}`,
  act: (value) => actorsOf(value).join(', for whom acted before '),
  may_act: (value) => `lets ${isJsonObject(value) ? value['sub'] : value} act for the subject`,
  scope: (value) => (String(value) === '' ? 'allows nothing' : `allows ${String(value).split(' ').join(', ')}`),
  scopes: (value) => `allows ${[value].flat().join(', ')}`,
  iat: (value, _claims, nowMs) => `issued ${when(value, nowMs)}`,
  nbf: (value, _claims, nowMs) => `counts from ${when(value, nowMs)}`,
  exp: (value, _claims, nowMs) => `ends ${when(value, nowMs)}`,
  jti: (value) => `its id; stop it by: countermark stop token ${value}`,
  txn: (value) => `its chain; stop all of it by: countermark stop chain ${value}`,
  cnf: sayConfirmation,
  status: sayStatus,
  authorization_details: (value) => [value].flat().map(sayDetail).join('; '),
  restrictip: (value) => `counts from these networks alone: ${JSON.stringify(value)}`,
  max_depth: (value) => `may be handed on ${value} times`,
}

const SUBJECTS: Readonly<Record<string, string>> = { user: 'a person', ai_agent: 'an agent', service: 'a service' }

/** Claims in words, in the order in which the token has them. */
export function sayClaims(claims: JsonObject, nowMs: number): readonly ClaimInWords[] {
  return Object.entries(claims).map(([name, value]) => ({
    name,
    meaning: Object.hasOwn(MEANINGS, name) ? (MEANINGS[name]?.(value, claims, nowMs) ?? '') : JSON.stringify(value),
  }))
}

/** The outermost first: it is the one that acts now (RFC 8693 section 4.1). */
function actorsOf(value: unknown): readonly string[] {
  const names: string[] = []
  for (let act = value; isJsonObject(act); act = act['act']) names.push(String(act['sub']))
  const [first = 'nothing', ...before] = names
  return [`${first} acts`, ...before]
}

const MOST_SECONDS = 8.64e12

function when(value: unknown, nowMs: number): string {
  if (typeof value !== 'number' || !(Math.abs(value) <= MOST_SECONDS))
    return `at ${JSON.stringify(value)}, which is no time`
  const seconds = Math.round(value - nowMs / 1000)
  const near = Math.abs(seconds) < 172_800 ? `${span(Math.abs(seconds))} ${seconds < 0 ? 'ago' : 'from now'}, ` : ''
  return `${near}${new Date(value * 1000).toISOString()}`
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** RFC 7800 section 3. */
function sayConfirmation(value: unknown): string {
  if (!isJsonObject(value)) return `a binding that is not understood: ${JSON.stringify(value)}`
  if (value['jwk'] !== undefined) return 'counts only in requests that are signed with the key in it'
  if (value['jkt'] !== undefined) return `counts only with a DPoP proof by the key ${value['jkt']}`
  if (value['x5t#S256'] !== undefined) return 'counts only over a connection with its client certificate'
  return `bound to ${JSON.stringify(value)}`
}

function sayStatus(value: unknown): string {
  const list = isJsonObject(value) ? value['status_list'] : undefined
  if (!isJsonObject(list)) return JSON.stringify(value)
  return `whether it was revoked stands at place ${list['idx']} of ${list['uri']}`
}

/** RFC 9396: one entry. */
function sayDetail(value: unknown): string {
  if (!isJsonObject(value)) return JSON.stringify(value)
  const { type, ...members } = value
  return `${type}: ${JSON.stringify(members)}`
}
